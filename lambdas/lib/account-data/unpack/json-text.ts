/** What JSON nests in. */
export type Container = 'object' | 'array';

/** The JSON text of one value, token by token. */
export class JsonText {
  readonly #parts: string[] = [];
  readonly #open: { readonly kind: Container; count: number }[] = [];

  get depth(): number {
    return this.#open.length;
  }

  get text(): string {
    return this.#parts.join('');
  }

  key(name: string): void {
    this.#separate();
    this.#parts.push(JSON.stringify(name), ':');
  }

  value(text: string): void {
    const open = this.#open.at(-1);
    if (open?.kind === 'array') this.#separate();
    this.#parts.push(text);
  }

  start(kind: Container): void {
    this.value(kind === 'object' ? '{' : '[');
    this.#open.push({ kind, count: 0 });
  }

  end(): void {
    this.#parts.push(this.#open.pop()?.kind === 'object' ? '}' : ']');
  }

  #separate(): void {
    const open = this.#open.at(-1);
    if (open === undefined) return;
    if (open.count > 0) this.#parts.push(',');
    open.count += 1;
  }
}
