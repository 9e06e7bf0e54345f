/**
 * A growing list of 32-bit integers that lives outside the JavaScript heap, so
 * that tables with millions of entries neither exhaust it nor burden its
 * collector.
 */
export class IntVector {
  private items = new Int32Array(64)
  private used = 0

  get length(): number {
    return this.used
  }

  push(value: number): void {
    if (this.used === this.items.length) {
      const larger = new Int32Array(this.used * 2)
      larger.set(this.items)
      this.items = larger
    }
    this.items[this.used++] = value
  }

  /** The entry at `index`; 0 where there is none. */
  get(index: number): number {
    return this.items[index] ?? 0
  }

  set(index: number, value: number): void {
    this.items[index] = value
  }

  /** The last entry; 0 when there is none. */
  get last(): number {
    return this.get(this.used - 1)
  }

  /** Forgets everything from `length` on. */
  truncate(length: number): void {
    this.used = length
  }
}
