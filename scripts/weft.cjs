#!/usr/bin/env node
// The first file of the published command: old syntax, so that every Node can read it and say what is wrong.
'use strict'
var wanted = /\d+/.exec(require('./package.json').engines.node)[0]
if (Number(process.versions.node.split('.')[0]) < Number(wanted)) {
  process.stderr.write(`weft needs Node ${wanted} or newer, this is ${process.versions.node}\n`)
  process.exitCode = 69
} else {
  import('./lib/bin.mjs')
}
