export { MemoryDatabase, type Outcome } from './database.ts'
export { OvsdbServer } from './server.ts'
export type { ServerSession } from './server-session.ts'
export { DatabaseView, type DeclaredRows } from './view.ts'
