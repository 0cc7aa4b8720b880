import { render } from 'preact';
import { App } from './app';
import { start } from './state';
import './style.css';

const root = document.getElementById('app');
if (!root) throw new Error('index.html has no #app');
root.textContent = '';
render(<App />, root);
start();
