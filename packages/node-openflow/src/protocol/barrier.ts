import { message } from '../message.ts'

/** Asks for an answer once everything before it is done (OpenFlow 1.5.1 § 7.3.7). */
export const barrierRequest = message(20, {}, () => '')
export const barrierReply = message(21, {}, () => '')
