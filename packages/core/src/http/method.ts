/** The methods that Node's HTTP parser knows (`http.METHODS`): those registered with IANA and a few more. */
export const known: readonly string[] =
  `ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY MKCALENDAR MKCOL MOVE NOTIFY
   OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK
   UNLOCK UNSUBSCRIBE`.split(/\s+/)

/** What somebody who mistyped a method most likely meant. */
export const usual: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
