import type { Token } from 'stream-json/parser.js';
import { distinctNames } from './distinct-names.ts';
import { type Container, JsonText } from './json-text.ts';
import { TableUnreadable } from './refusals.ts';
import { assertFieldCount, ROW_CHARACTERS, type TableRow } from './table-row.ts';

/** Deeper than anything that is meant to be read. */
const DEPTH = 100;
/** The field with the name of the array that a row comes from. */
const LIST_FIELD = '_list';
/** The field of a row that is no object. */
const VALUE_FIELD = 'value';

type Scalar = string | null;

/** Names and values of a row in the making. */
class Fields {
  readonly #names: string[] = [];
  readonly #values: Scalar[] = [];

  get count(): number {
    return this.#names.length;
  }

  add(name: string, value: Scalar): void {
    assertFieldCount(this.count + 1);
    this.#names.push(name);
    this.#values.push(value);
  }

  row(): TableRow {
    return { names: distinctNames(this.#names), values: this.#values };
  }
}

/** Where the next token stands. */
type Place =
  /** Before or between values: at the top of a document or of lines, or in an array of rows. */
  | 'top'
  | 'rows'
  /** In the object that a document is. */
  | 'root'
  /** Behind the `[` of a member of that object, which may hold rows. */
  | 'list'
  /** In the object of a row. */
  | 'row'
  /** In a value that becomes JSON text. */
  | 'nested';

/** Turns the tokens of a JSON text into rows, with nothing but the present row in memory. */
export class JsonRowBuilder {
  readonly #isLines: boolean;
  #rows: TableRow[] = [];
  #place: Place = 'top';
  /** Places that `#place` goes back to. */
  readonly #outer: Place[] = [];
  readonly #root = new Fields();
  #fields = new Fields();
  #listName: string | undefined;
  #nested: JsonText | undefined;
  #name = '';
  #scalar: string[] | undefined;
  #size = 0;
  /** Of that, what belongs to the object around the rows and stays until its end. */
  #rootSize = 0;
  #values = 0;
  #hasListRows = false;

  constructor(kind: 'document' | 'lines') {
    this.#isLines = kind === 'lines';
  }

  /** The rows that are whole, once. */
  takeRows(): readonly TableRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /** Fails with TableUnreadable when a value has begun and not ended, or none came at all. */
  assertWhole(): void {
    const isWhole = this.#place === 'top' && this.#scalar === undefined;
    if (!isWhole || (this.#values === 0 && !this.#isLines)) throw new TableUnreadable('broken-json');
  }

  take(token: Token): void {
    switch (token.name) {
      case 'startObject':
        this.#start('object');
        return;
      case 'startArray':
        this.#start('array');
        return;
      case 'endObject':
      case 'endArray':
        this.#end();
        return;
      case 'startKey':
      case 'startString':
      case 'startNumber':
        this.#scalar = [];
        return;
      case 'stringChunk':
      case 'numberChunk':
        this.#count(token.value.length);
        this.#scalar?.push(token.value);
        return;
      case 'endKey':
        this.#key(this.#taken());
        return;
      case 'endString': {
        const text = this.#taken();
        this.#value(text, () => JSON.stringify(text));
        return;
      }
      case 'endNumber': {
        const text = this.#taken();
        this.#value(text, () => text);
        return;
      }
      case 'nullValue':
        this.#value(null, () => 'null');
        return;
      case 'trueValue':
      case 'falseValue':
        this.#value(String(token.value), () => String(token.value));
        return;
      default:
        return;
    }
  }

  #taken(): string {
    const text = this.#scalar?.join('') ?? '';
    this.#scalar = undefined;
    return text;
  }

  /** Characters of the row that is being built; every token counts for something. */
  #count(characters: number): void {
    this.#size += characters + 1;
    if (this.#size > ROW_CHARACTERS) throw new TableUnreadable('row-too-large');
  }

  #enter(place: Place): void {
    this.#outer.push(this.#place);
    this.#place = place;
  }

  #leave(): void {
    this.#place = this.#outer.pop() ?? 'top';
  }

  #start(kind: Container): void {
    this.#count(1);
    switch (this.#place) {
      case 'top':
        this.#values += 1;
        if (this.#isLines) {
          this.#startRow(kind);
          return;
        }
        this.#enter(kind === 'object' ? 'root' : 'rows');
        return;
      case 'rows':
        this.#startRow(kind);
        return;
      case 'root':
        if (kind === 'array') {
          this.#enter('list');
          return;
        }
        this.#startNested(kind);
        return;
      case 'list':
        this.#startInList(kind);
        return;
      case 'row':
        this.#startNested(kind);
        return;
      case 'nested':
        if ((this.#nested?.depth ?? 0) >= DEPTH) throw new TableUnreadable('too-deep');
        this.#nested?.start(kind);
    }
  }

  /** The first element tells whether an array is a list of rows. */
  #startInList(kind: Container): void {
    if (kind === 'object') {
      this.#place = 'rows';
      this.#listName = this.#name;
      this.#hasListRows = true;
      this.#startRow(kind);
      return;
    }
    this.#becomeNested();
    this.#nested?.start(kind);
  }

  /** The array of a `list` is a plain value after all. */
  #becomeNested(): void {
    this.#place = 'nested';
    this.#nested = new JsonText();
    this.#nested.start('array');
  }

  #startRow(kind: Container): void {
    if (kind === 'object') {
      this.#enter('row');
      return;
    }
    this.#name = VALUE_FIELD;
    this.#startNested(kind);
  }

  #startNested(kind: Container): void {
    this.#enter('nested');
    this.#nested = new JsonText();
    this.#nested.start(kind);
  }

  #end(): void {
    this.#count(1);
    switch (this.#place) {
      case 'nested':
        this.#endNested();
        return;
      case 'row':
        this.#leave();
        this.#finishRow();
        return;
      case 'list':
        this.#leave();
        this.#add('[]');
        return;
      case 'root':
        this.#leave();
        if (this.#root.count > 0 || !this.#hasListRows) this.#rows.push(this.#root.row());
        return;
      default:
        this.#listName = undefined;
        this.#leave();
        return;
    }
  }

  #endNested(): void {
    this.#nested?.end();
    if (this.#nested?.depth !== 0) return;
    const { text } = this.#nested;
    this.#nested = undefined;
    this.#leave();
    this.#add(text);
  }

  #key(name: string): void {
    if (this.#place === 'nested') this.#nested?.key(name);
    else this.#name = name;
  }

  #value(value: Scalar, json: () => string): void {
    this.#count(1);
    if (this.#place === 'list') this.#becomeNested();
    if (this.#place === 'nested') {
      this.#nested?.value(json());
      return;
    }
    if (this.#place === 'top') this.#values += 1;
    if (this.#place === 'top' || this.#place === 'rows') this.#name = VALUE_FIELD;
    this.#add(value);
  }

  /** Adds a whole value where it stands. */
  #add(value: Scalar): void {
    if (this.#place === 'root') {
      this.#root.add(this.#name, value);
      this.#rootSize = this.#size;
      return;
    }
    this.#fields.add(this.#name, value);
    if (this.#place !== 'row') this.#finishRow();
  }

  #finishRow(): void {
    if (this.#listName !== undefined) this.#fields.add(LIST_FIELD, this.#listName);
    this.#rows.push(this.#fields.row());
    this.#fields = new Fields();
    this.#size = this.#rootSize;
  }
}
