/** The request makes no sense: answered with 400 and its message. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest'
  readonly statusCode = 400
}

/** What is asked cannot be as things are: answered with 409 and its message. */
export class Conflict extends Error {
  override readonly name = 'Conflict'
  readonly statusCode = 409
}

/** What the request is about is not there: answered with 404 and its message. */
export class NotFound extends Error {
  override readonly name = 'NotFound'
  readonly statusCode = 404
}
