// The only script of these pages: it lets a form send what the browser says with a passkey. Without it
// the form stays hidden, and everything else works.
"use strict";

// options asks the server what to sign, unless the page came with it.
async function options(form) {
	if (form.dataset.options) {
		return JSON.parse(form.dataset.options);
	}
	const answer = await fetch(form.dataset.from, {
		method: "POST",
		headers: { "Content-Type": "application/json" },
		body: JSON.stringify({ login: form.elements.login?.value }),
	});
	if (!answer.ok) {
		throw new Error(answer.statusText);
	}
	return answer.json();
}

async function send(form) {
	const { publicKey } = await options(form);
	const credential = form.dataset.passkey === "create"
		? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey) })
		: await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey) });
	form.elements.credential.value = JSON.stringify(credential.toJSON());
	form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
	if (!globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON) {
		continue;
	}
	form.hidden = false;
	form.querySelector("[autofocus]")?.focus(); // which it could not have while it was hidden
	form.addEventListener("submit", (event) => {
		event.preventDefault();
		const problem = form.querySelector("[role=alert]");
		problem.textContent = "";
		send(form).catch(() => {
			problem.textContent = "The browser gave no passkey. Try again, or go on another way.";
		});
	});
}
