// The server checks a form as a whole and shows every error at once; the browser would stop at the first. It is asked
// only about what it can't send at all: half a date or a number with letters would arrive as an empty field.

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
