// Tabs as in the ARIA Authoring Practices. Without JavaScript they are links to sections that are all shown.
// The server says which tab is open, so that it is that of the errors; here it is remembered in the form and the address.

const lists = () => [...document.querySelectorAll("[data-tabs]")];
const tabsOf = (list) => [...list.querySelectorAll("a")];
const panelOf = (tab) => document.getElementById(tab.hash.slice(1));

function open(tab) {
  tabsOf(tab.parentElement).forEach((each) => {
    const isOpen = each === tab;
    each.toggleAttribute("data-current", isOpen);
    each.setAttribute("aria-selected", isOpen);
    each.tabIndex = isOpen ? 0 : -1;
    panelOf(each).toggleAttribute("data-current", isOpen);
  });
  const remembered = tab.closest("form")?.elements.tab;
  if (remembered) remembered.value = tab.hash.replace("#tab-", "");
  document.dispatchEvent(new CustomEvent("tabs:open", { detail: panelOf(tab) }));
}

// Opens the tab with this element in it.
function reveal(element) {
  const panel = element?.closest(".tab-panel");
  const tab = panel && lists().flatMap(tabsOf).find((each) => panelOf(each) === panel);
  if (tab && !tab.hasAttribute("data-current")) open(tab);
}

function setUp() {
  lists().forEach((list) => {
    list.setAttribute("role", "tablist");
    tabsOf(list).forEach((tab) => {
      const panel = panelOf(tab);
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
    });
    open(tabsOf(list).find((tab) => tab.hasAttribute("data-current")) ?? tabsOf(list)[0]);
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="#"]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (!link.matches("[data-tabs] a")) return reveal(document.getElementById(link.hash.slice(1)));
  event.preventDefault(); // The page would jump to the panel.
  open(link);
  history.replaceState(null, "", link.hash);
});

document.addEventListener("keydown", (event) => {
  const tab = event.target.closest("[data-tabs] a");
  if (!tab || event.ctrlKey || event.metaKey || event.altKey) return;
  const tabs = tabsOf(tab.parentElement);
  const at = tabs.indexOf(tab);
  const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1, " ": at };
  if (!(event.key in steps)) return;
  event.preventDefault();
  const next = tabs.at(steps[event.key] % tabs.length);
  next.focus();
  next.click();
});

// What the browser complains about must be visible.
document.addEventListener("invalid", (event) => reveal(event.target), true);
document.addEventListener("htmx:afterSettle", (event) => {
  if (!event.detail.target.querySelector?.("[data-tabs]") && !event.detail.elt.querySelector?.("[data-tabs]")) return;
  setUp();
  document.querySelector("#editor [autofocus]")?.focus();
});
if (location.hash) reveal(document.getElementById(location.hash.slice(1)));
setUp();
