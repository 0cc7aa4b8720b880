import { useState } from 'preact/hooks';
import { hasToken, start, trouble } from '../state';
import { setToken } from '../api';

/** Asks for MOP_API_TOKEN, and begins anew with it. */
export function TokenForm() {
  const [text, setText] = useState('');
  return (
    <form class="card narrow" onSubmit={(event) => {
      event.preventDefault();
      setToken(text.trim());
      start();
    }}>
      <h1>A token is needed</h1>
      <p>{hasToken.value ? `That was refused: ${trouble.value}.` : 'This mop serve was started with MOP_API_TOKEN set. It stays in this tab of your browser.'}</p>
      <label>MOP_API_TOKEN <input type="password" name="token" autocomplete="off" required value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
      <button type="submit">Go on</button>
    </form>
  );
}
