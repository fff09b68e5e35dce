// The server validates a form as a whole and shows all errors at once, where the browser would stop at the first.
// The browser checks only what it can't submit: half a date, or a number with letters, would arrive as an empty field.

document.querySelectorAll("form[data-checked-by-server]").forEach((form) => {
  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    const unreadable = [...form.elements].find((field) => field.validity && field.validity.badInput);
    if (!unreadable) return;
    event.preventDefault();
    event.stopPropagation();
    unreadable.reportValidity();
  });
});

// A field for dates also takes relative dates such as now-1M/M, so it is a text field. Its button opens the browser's calendar.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-picker]");
  if (!button) return;
  const [text, picker] = button.parentElement.querySelectorAll("input");
  picker.value = text.value.replace(/Z$/, "");
  picker.onchange = () => {
    text.value = picker.value;
    text.dispatchEvent(new Event("input", { bubbles: true }));
    text.dispatchEvent(new Event("change", { bubbles: true }));
    text.focus();
  };
  picker.showPicker();
});

// Choices that depend on another field: a value chosen before that field changed is not among the new ones.

document.addEventListener("change", (event) => {
  const changed = (event.target.name || "").replace(/^param\./, "");
  if (!changed) return; // The calendar of a date field has no name.
  event.target.form?.querySelectorAll("[data-parents]").forEach((field) => {
    if (!field.dataset.parents.split(" ").includes(changed) || !field.value) return;
    field.value = "";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
});

// Rules between parameters, which the server checks while people type. What hasn't changed isn't swapped: it would be read aloud again.

document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  if (target.matches(".broken-rules, #rules-status") && target.textContent.trim() === fragment.textContent.trim()) {
    event.detail.shouldSwap = false;
  }
});

document.addEventListener("htmx:oobAfterSwap", (event) => {
  if (!event.detail.target.matches(".broken-rules")) return;
  const field = document.querySelector(`[aria-describedby~="${event.detail.target.id}"]`);
  if (field.closest(".field").querySelector(".field-error")) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
});
