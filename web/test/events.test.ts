import { expect, test } from 'vitest';
import { EventParser } from '../src/event_parser';

const STREAM = 'retry: 2000\n\n: quiet\n\nid: 7-1\nevent: forecast\ndata: {"a":1}\n\nid: 7-2\r\nevent: score\r\ndata: one\r\ndata:two\r\n\r\ndata: plain\n\n';
const EVENTS = [
  { name: 'forecast', id: '7-1', data: '{"a":1}' },
  { name: 'score', id: '7-2', data: 'one\ntwo' },
  { name: 'message', id: '7-2', data: 'plain' },
];

test('events are the same however the stream is cut', () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < STREAM.length; at += size) events.push(...parser.push(STREAM.slice(at, at + size)));
    expect(events, `pieces of ${size}`).toEqual(EVENTS);
  }
});

test('an event that is not complete is not told', () => {
  expect(new EventParser().push('event: forecast\ndata: {"a":1}\n')).toEqual([]);
});

test('lines that are neither comment nor known field are nothing', () => {
  expect(new EventParser().push('colour: red\nid\n\n')).toEqual([]);
  expect(new EventParser().push(':data: no\n\n')).toEqual([]);
});
