/** Fields of an event: what a person or a machine filters by. */
export type Fields = Readonly<Record<string, unknown>>

export const LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

/** Where events go. A call below the level costs one comparison; build expensive fields behind `enabled`. */
export interface Logger {
  /** What is written: events of this level and those before it in `LEVELS`. May be set at any time. */
  level: Level
  enabled(level: Level): boolean
  error(message: string, fields?: Fields): void
  warn(message: string, fields?: Fields): void
  info(message: string, fields?: Fields): void
  debug(message: string, fields?: Fields): void
}

/** A logger that writes every event of its level and the more urgent ones with `write`. */
export function createLogger(level: Level, write: (level: Level, message: string, fields: Fields) => void): Logger {
  let limit = LEVELS.indexOf(level)
  const at =
    (one: Level) =>
    (message: string, fields: Fields = {}) => {
      if (LEVELS.indexOf(one) <= limit) write(one, message, fields)
    }
  return {
    get level() {
      return LEVELS[limit]!
    },
    set level(next) {
      limit = LEVELS.indexOf(next)
    },
    enabled: one => LEVELS.indexOf(one) <= limit,
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
  }
}

/** Writes nothing. */
export const silentLogger: Logger = createLogger('error', () => {})

/**
 * A winston logger behind our interface: one line an event on `stream`, JSON or for people.
 *
 * The level is tested here: a suppressed winston line would still cost 4 µs.
 */
export async function winstonLogger(
  level: Level,
  stream: NodeJS.WritableStream,
  format: 'json' | 'pretty',
): Promise<Logger> {
  const { default: winston } = await import('winston')
  const pretty = winston.format.printf(({ timestamp, level: name, message, ...fields }) => {
    const details = Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    return `${timestamp} ${String(name).padEnd(5)} ${message}${details.join('')}`
  })
  const logger = winston.createLogger({
    level: 'debug',
    format: winston.format.combine(winston.format.timestamp(), format === 'json' ? winston.format.json() : pretty),
    transports: [new winston.transports.Stream({ stream })],
  })
  return createLogger(level, (name, message, fields) => logger.log(name, message, fields))
}
