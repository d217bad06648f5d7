/** A value on the command line cannot be used; the message names the option. */
export class CommandLineError extends Error {
  override readonly name = 'CommandLineError';
}

/** `host` or `https://host:8443` as an origin; anything more than that is a CommandLineError. */
export function toOrigin(text: string, option: string): string {
  const address = text.includes('://') ? text : `https://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || !['https:', 'http:'].includes(url.protocol) || url.hostname === '') {
    throw new CommandLineError(`${option} needs a host or an origin such as https://host:8443`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || !['', '/'].includes(url.pathname)) {
    throw new CommandLineError(`${option} takes scheme, host and port only (given for ${url.host})`);
  }
  return url.origin;
}

/** For options that may be repeated. */
export function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}
