// Says what `meterhouse check` would say of a form while it is filled in. Without it the button "Check only" does.
"use strict";
(() => {
  const form = document.querySelector("form[data-check]");
  if (!form) return;
  const place = document.getElementById("checked");
  const WAIT = 500; // milliseconds without a key
  let timer = 0;
  let asked = null;

  async function check() {
    if (asked) asked.abort();
    const mine = (asked = new AbortController());
    try {
      const body = new URLSearchParams(new FormData(form));
      const answer = await fetch(form.dataset.check, { method: "POST", body, signal: mine.signal, redirect: "error" });
      if (answer.status === 204) later(); // another form is being looked at
      else if (answer.ok) place.innerHTML = await answer.text(); // escaped by the server
    } catch {
      // ended by the next key, or the server is away: saving tells
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(check, WAIT);
  }

  form.addEventListener("input", (event) => {
    if (event.target.name !== "because") later();
  });
})();
