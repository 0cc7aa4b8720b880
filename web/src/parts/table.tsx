// Tables that are sorted by a click on a column's head.
import { useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  title: string;
  /** What the column says, for who points at it. */
  explained?: string;
  left?: boolean;
  /** By what it is sorted, unknown ones last; without it the column is not sorted. */
  by?: (row: Row) => number | string | null | undefined;
  cell: (row: Row) => ComponentChildren;
}

export function sorted<Row>(rows: readonly Row[], by: (row: Row) => number | string | null | undefined, descending: boolean): Row[] {
  return [...rows].sort((left, right) => {
    const a = by(left), b = by(right);
    if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
    const order = a < b ? -1 : a > b ? 1 : 0;
    return descending ? -order : order;
  });
}

export function SortedTable<Row>({ rows, columns, keyOf, label }: {
  rows: readonly Row[]; columns: Column<Row>[]; keyOf: (row: Row) => string; label: string;
}) {
  const [sort, setSort] = useState<{ column: number; descending: boolean } | null>(null);
  const by = sort && columns[sort.column]?.by;
  const shown = by ? sorted(rows, by, sort.descending) : rows;
  const turn = (column: number) => setSort((before) => {
    if (before?.column !== column) return { column, descending: !columns[column]?.left };
    return { column, descending: !before.descending };
  });
  return (
    <div class="scroll">
      <table aria-label={label}>
        <thead>
          <tr>
            {columns.map((column, at) => {
              const order = sort?.column === at ? (sort.descending ? 'descending' : 'ascending') : undefined;
              return (
                <th key={column.title} class={column.left ? 'w' : ''} title={column.explained} aria-sort={order}>
                  {column.by ? <button type="button" class="plain" onClick={() => turn(at)}>{column.title}{order === 'descending' ? ' ↓' : order ? ' ↑' : ''}</button> : column.title}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <tr key={keyOf(row)}>{columns.map((column) => <td key={column.title} class={column.left ? 'w' : ''}>{column.cell(row)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
