import type { SegmentLayout } from './delivery-columns.ts';
import type { RowChunk } from './row-chunk.ts';
import { ROW_PREFIX_BYTES, SEGMENT_MARK, type SpilledRows } from './spill-file.ts';

const ROW_END = 10;
const SEGMENT_MARK_BYTES = 2 * ROW_PREFIX_BYTES;

/** Goes through the rows of a sorted run, one block in memory. */
class RunCursor {
  readonly #blocks: Generator<Buffer>;
  block: Buffer = Buffer.alloc(0);
  /** Where the present row begins, with its prefix. */
  position = 0;
  /** Behind the fields of the present row. */
  end = 0;

  constructor(run: SpilledRows) {
    this.#blocks = run.blocks();
  }

  /** Goes to the next row; false when there is none. */
  next(): boolean {
    this.position = this.end === 0 ? 0 : this.end + 1;
    if (this.position >= this.block.length) {
      const { value, done } = this.#blocks.next();
      if (done === true) return false;
      this.block = value;
      this.position = 0;
    }
    if (this.block.readUInt32LE(this.position) === SEGMENT_MARK) this.position += SEGMENT_MARK_BYTES;
    this.end = this.block.indexOf(ROW_END, this.position + ROW_PREFIX_BYTES);
    return true;
  }
}

function compareRows(left: RunCursor, right: RunCursor): number {
  return left.block.compare(
    right.block,
    right.position + ROW_PREFIX_BYTES,
    right.end,
    left.position + ROW_PREFIX_BYTES,
    left.end,
  );
}

/** Restores the heap order below the first place. */
function siftDown(heap: RunCursor[]): void {
  let place = 0;
  const moving = heap[0] as RunCursor;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= heap.length) break;
    const right = heap[child + 1];
    if (right !== undefined && compareRows(right, heap[child] as RunCursor) < 0) child += 1;
    const smaller = heap[child] as RunCursor;
    if (compareRows(moving, smaller) <= 0) break;
    heap[place] = smaller;
    place = child;
  }
  heap[place] = moving;
}

/**
 * Merges sorted runs: fills the chunk with rows in their order, yields whenever it is full and at the end. The user
 * takes the rows before it asks for more. `layout` is that of the runs' rows.
 */
export function* mergeRuns(
  runs: readonly SpilledRows[],
  chunk: RowChunk,
  layout: SegmentLayout,
): Generator<RowChunk> {
  const heap = runs.map((run) => new RunCursor(run)).filter((cursor) => cursor.next());
  heap.sort(compareRows);
  chunk.clear();
  for (let first = heap[0]; first !== undefined; first = heap[0]) {
    if (chunk.isFull) {
      yield chunk;
      chunk.clear();
    }
    chunk.add(first.block, first.position, layout);
    if (!first.next()) {
      const last = heap.pop();
      if (last !== undefined && heap.length > 0) heap[0] = last;
    }
    if (heap.length > 0) siftDown(heap);
  }
  if (chunk.rows > 0) yield chunk;
}
