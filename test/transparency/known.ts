/**
 * Where a wrapped app still differs from a bare one: odd uses of a response, each with what it would take. They run, as
 * `todo`, so that one that begins to hold is noticed.
 */
const late = 'Node throws this when it sends; a held call throws when the layers have returned'
const changedHead =
  'a head that a layer has changed is written by setHeader, which keeps one spelling of a name'
const counters = 'a held response does not count corks and waiting drains as Node does'
const destroyed =
  'a destruction behind the end, with a layer that streams the body, comes before the last byte'
const turns = 'callbacks change places by a turn'

const onNode: Readonly<Record<string, string>> = {
  'end with an unknown encoding':
    'Node has sent the head when it throws this; a held one can still be answered',
  'strict length, too short': late,
  'strict length, too long': late,
  'strict length, ended short': late,
  'trailers announced without chunks': late,
  'writeHead with a list': changedHead,
  'writeHead with pairs': changedHead,
  'writeHead with names that differ in case': changedHead,
  'writeHead with an empty reason': changedHead,
  'how corked': counters,
  'a write above the mark': counters,
  'destroyed right after the end': destroyed,
  'pipeline a source that fails after all': turns,
  'destroyed right after a write': 'what was held goes out first, where Node would not have sent it any more',
  'socket destroyed right after a write':
    'what was held goes out first, where Node would not have sent it any more',
  'destroyed, then written': destroyed,
}

const compatibility =
  'the compatibility class checks when it sends; a held call is checked when the layers have returned'

const onHttp2: Readonly<Record<string, string>> = {
  'end with an unknown encoding':
    'Node has sent the head when it throws this; a held one can still be answered',
  'writeHead with names that differ in case': changedHead,
  'how corked': counters,
  'a write above the mark': counters,
  'head with writes': counters,
  '204 with writes': counters,
  'destroyed right after the end': destroyed,
  'destroyed right after a write': destroyed,
  'destroyed, then written': destroyed,
  'pipeline a source that fails after all': turns,
  'a keep-alive of its own': compatibility,
  'chunked by hand': compatibility,
  'head chunked by hand': compatibility,
  'writeHead with a wrong status': compatibility,
  'writeHead with an odd list': compatibility,
  'writeHead with an odd list on fields': compatibility,
  'write nothing': compatibility,
  'write nothing after the head': compatibility,
  'end with what is no chunk': compatibility,
  'end with what is no chunk after a write': compatibility,
  'write after end': compatibility,
  'write after end, unheard': compatibility,
}

const unknownToKoa2 =
  'Koa 2 does not know this kind of body and sends {}; a layer that asks is told the content'

/**
 * An empty write sends memory of somebody else's, a wrong one kills the stream, and so does one after the end, whole as
 * the answer was; what is piped to HEAD does not come to an end. A field that may be there once is refused when the head
 * is sent, and what then happens to the stream is a matter of who sent it.
 */
const brokenOnHttp2 =
  /"(?:text|args)":(?:""|\[""[\],]|\[(?:null|5|true|\{"a":1\})[\],])|"method":"end".*"method":"write"|"appendHeader","args":\["(?:Content-Type|ETag|Date)"|"method":"HEAD".*"(?:op":"pipe|make":"stream)"/

/** What a generated program must not do, for Node's or the host's own reasons, to be compared. */
export const incomparable: Readonly<Record<string, RegExp>> = {
  'node:http2': brokenOnHttp2,
  'Koa 3 on node:http2': brokenOnHttp2,
  // It sends {}.
  'Koa 2': /"make":"(?:webstream|blob|response)"/i,
}

const onKoa2: Readonly<Record<string, string>> = {
  'body a web stream': unknownToKoa2,
  'body a Blob': unknownToKoa2,
  'body a Blob without a type': unknownToKoa2,
  'body a Response': unknownToKoa2,
}

const afterwards = 'middleware further out sets its fields after those that a layer has asked about'
const known: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'node:http': onNode,
  'node:http2': onHttp2,
  'Koa 2': onKoa2,
  'Koa 3: koa-session before': { 'a static file': afterwards, 'a static file that is not there': afterwards },
  'late on node:http2': { 'early hints': 'a late handler is told that they were sent' },
}

/** How a case is run on a host. */
export const knownOn = (host: string, name: string): { readonly todo: string } | Record<never, never> => {
  const todo = known[host]?.[name]
  return todo === undefined ? {} : { todo }
}
