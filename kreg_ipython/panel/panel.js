// The page's side of %kreg panel: it keeps the tables that the kernel sends (panel/state.py says their shapes), and draws
// them. Whatever comes from the user is text, never markup.

const HEIGHT = { owner: 30, entry: 48, narrow: 68, note: 18 }; // of the rows, in pixels; the style sheet has none
const NARROW = 560; // pixels of width below which a row has three lines
const BEYOND = 6; // rows that are drawn above and below those in sight
const PICTURED = 40; // keys in the picture
const OF_EACH = 6; // of each owner
const STEP = 30; // pixels from one node of the picture to the next
const GONE = ["superseded", "swept"]; // states of what is not registered any more
const natural = new Intl.Collator(undefined, { numeric: true });

// -- making elements

const made = (element, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child || child === 0));
  return element;
};
const h = (tag, attributes = {}, ...children) => made(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  made(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const count = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
const keyOf = ({ registry, key }) => `${registry}\n${key}`;
const keyOfUse = ([registry, key]) => `${registry}\n${key}`;
const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

const SYNTAX = {
  comment: /#.*/,
  string: /\b[rbfu]{0,2}(?:"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|"(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?/,
  keyword: /\b(?:as|class|def|for|from|if|import|in|lambda|not|return|with|None|True|False)\b/,
  number: /\b\d[\w.]*/,
  decorator: /^@[\w.]+/,
};
const TOKENS = new RegExp(Object.entries(SYNTAX).map(([kind, { source }]) => `(?<${kind}>${source})`).join("|"), "gi");

function coloured(text) {
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(TOKENS)) {
    const kind = Object.keys(found.groups).find((each) => found.groups[each] !== undefined);
    parts.push(text.slice(end, found.index), h("span", { class: `kreg-${kind}` }, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

// -- what is known

class Store extends EventTarget {
  constructor(model) {
    super();
    this.model = model;
    this.views = 0;
    this.reset();
    model.on("msg:custom", (message) => this.receive(message));
  }

  reset() {
    this.tables = { facts: new Map(), owners: new Map(), entries: new Map(), variables: new Map() };
    this.words = [];
    this.last = {};
    this.version = null;
    this.changed = new Set(); // the ids of the entries that the last message set
    this.ghosts = []; // the entries that it took out
  }

  ask(message) {
    try {
      this.model.send(message);
    } catch {} // the kernel, or the panel in it, has gone
  }

  receive(message) {
    if ("answer" in message) return this.dispatchEvent(new CustomEvent("answer", { detail: message }));
    if ("rests" in message) return this.views && this.ask({ ask: "all" });
    const isWhole = "words" in message;
    if (!isWhole && this.version === null) return; // the whole is on its way
    if (!isWhole && message.version !== this.version + 1) return this.ask({ ask: "all" });
    if (isWhole) {
      this.reset();
      this.words = message.words;
    }
    const { set = {}, gone = [] } = message.tables.entries ?? {};
    const isFormer = (row) => [...this.tables.entries.values()].some((each) =>
      GONE.includes(each.state) && ["registry", "key", "owner"].every((name) => each[name] === row[name]));
    const taken = gone.map((id) => this.tables.entries.get(id)).filter((row) => row && !GONE.includes(row.state));
    this.changed = new Set(isWhole ? [] : Object.keys(set));
    for (const [name, { set, gone }] of Object.entries(message.tables)) {
      for (const [id, value] of Object.entries(set)) this.tables[name].set(id, value);
      for (const id of gone) this.tables[name].delete(id);
    }
    this.ghosts = taken.slice(0, PICTURED).filter((row) => !isFormer(row));
    this.version = message.version;
    this.last = message.last;
    this.dispatchEvent(new CustomEvent("change", { detail: { isWhole } }));
  }

  // The ids of the page's cells in their order, as JupyterLab and Notebook 7 know them; null elsewhere.
  cells() {
    try {
      const { cells } = this.model.widget_manager.context.model;
      return Array.from({ length: cells.length }, (_, at) => cells.get(at).id);
    } catch {
      return null;
    }
  }

  // [id, owner, [[id, row], …]] of each owner, as the notebook has them.
  groups() {
    const cells = this.cells();
    const order = ([, owner]) => {
      if (owner.kind !== "cell") return [1, 0, owner.run ?? Infinity];
      const at = cells?.indexOf(owner.id) ?? owner.place ?? -1;
      return [0, at < 0 ? Infinity : at, owner.run ?? Infinity];
    };
    const rows = new Map([...this.tables.owners.keys()].map((id) => [id, []]));
    for (const entry of this.tables.entries) rows.get(entry[1].owner)?.push(entry);
    const isGone = ([, row]) => Number(GONE.includes(row.state));
    for (const some of rows.values()) {
      some.sort((a, b) => isGone(a) - isGone(b) || a[1].line - b[1].line || natural.compare(a[1].key, b[1].key));
    }
    const owners = [...this.tables.owners].map((owner) => [owner, order(owner)]);
    owners.sort(([, a], [, b]) => a[0] - b[0] || (a[1] === b[1] ? 0 : a[1] - b[1]) || a[2] - b[2]);
    return owners.map(([[id, owner]]) => [id, owner, rows.get(id)]);
  }
}

// -- the way to a cell

function cellInPage(store, element, owner) {
  const at = owner?.kind === "cell" ? (store.cells()?.indexOf(owner.id) ?? -1) : -1;
  const around = element.closest(".jp-Notebook");
  const notebooks = around ? [around] : [...document.querySelectorAll(".jp-Notebook")];
  const found = notebooks
    .map((notebook) => notebook.querySelector(`.jp-Cell[data-windowed-list-index="${at}"]`))
    .filter((cell) => at >= 0 && cell);
  const prompt = (cell) => cell.querySelector(".jp-InputPrompt")?.textContent;
  return found.find((cell) => prompt(cell) === `[${/\d+/.exec(owner.label)}]:`) ?? found[0];
}

function wayTo(store, element, owner) {
  if (owner?.kind !== "cell") return `${owner?.label ?? "it"} is no cell`;
  if (cellInPage(store, element, owner)) return null;
  const isKnown = store.cells()?.includes(owner.id);
  if (isKnown === undefined) return `this page does not let a panel scroll to ${owner.label}`;
  return isKnown ? `${owner.label} is not drawn now` : `${owner.label} is not in the notebook any more`;
}

// Scroll to an owner's cell; return what is said of it.
function goTo(store, element, owner) {
  const why = wayTo(store, element, owner);
  if (why !== null) return why;
  const cell = cellInPage(store, element, owner);
  cell.scrollIntoView({ block: "center", behavior: isCalm() ? "auto" : "smooth" });
  const frame = (colour) => ({ boxShadow: `inset 0 0 0 2px ${colour}` });
  cell.animate([frame("#2f7ad0"), frame("transparent")], { duration: 2500, easing: "ease-in" });
  return `scrolled to ${owner.label}`;
}

// -- the picture: cells on the left, keys in the middle, what is built from them on the right

class Picture {
  constructor(view) {
    this.view = view;
    this.arrow = `kreg-arrow-${Math.random().toString(36).slice(2)}`; // its own: a picture that is hidden lends none
    this.title = h("summary", {}, "Picture");
    this.drawing = h("div", { class: "kreg-drawing", onkeydown: (event) => this.steer(event) });
    this.root = h("details", { class: "kreg-picture", open: "", ontoggle: () => this.draw() }, this.title, this.drawing);
  }

  draw() {
    if (!this.root.open || !this.view.width || !this.view.wanted) return;
    const { variables, entries } = this.view.store.tables;
    const keys = this.chosen();
    const used = ([name, variable]) => [name, variable, variable.of.filter((use) => keys.has(keyOfUse(use)))];
    const uses = [...variables].map(used).filter(([, , of]) => of.length);
    const nodes = this.placed(keys, uses);
    const inOrder = [...nodes].sort(([, a], [, b]) => a.column - b.column || a.y - b.y);
    const elements = inOrder.map(([id, node], at) => this.node(id, node, at === 0));
    const height = Math.max(...[...nodes.values()].map(({ y }) => y + STEP), 4);
    const label = "Cells, the keys that they register, and what is built from them";
    const size = { viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" };
    const head = svg("marker", { id: this.arrow, ...size }, svg("path", { d: "M0 0.5 8 4 0 7.5z" }));
    const focused = this.drawing.contains(this.view.focused()) && this.view.focused().dataset.id;
    const edges = this.edges(nodes, keys, uses);
    this.drawing.replaceChildren(
      svg("svg", { width: "100%", height, role: "group", "aria-label": label }, svg("defs", {}, head), edges, elements));
    const left = [...new Set([...entries.values()].map(keyOf))].filter((id) => !keys.has(id)).length;
    const drawn = [...keys.values()].filter(({ rest }) => !rest).length;
    this.title.textContent = `Picture of ${count(drawn, "key")}`
      + (left ? `; search for one of ${left.toLocaleString("en")} more` : "");
    const kept = elements.find((element) => element.dataset.id === focused);
    if (kept) this.point(kept);
  }

  // The nodes by their ids, each with its place: keys one under another, cells and variables beside theirs.
  placed(keys, uses) {
    const ends = this.view.width < NARROW
      ? (uses.length ? [0, 0.33, 0.38, 0.72, 0.77, 1] : [0, 0.34, 0.44, 1])
      : (uses.length ? [0, 0.26, 0.37, 0.73, 0.82, 1] : [0, 0.34, 0.5, 1]);
    const edges = ends.map((end) => 1 + end * ((this.drawing.clientWidth || this.view.width) - 2));
    const nodes = new Map();
    const place = (column, some) => {
      let free = 4;
      for (const [id, node] of some.sort(([, a], [, b]) => a.wanted - b.wanted)) {
        const [x, end] = edges.slice(2 * column);
        nodes.set(id, { ...node, column, x, width: end - x, y: Math.max(node.wanted, free) });
        free = nodes.get(id).y + STEP;
      }
    };
    const middle = (ids) => ids.reduce((sum, id) => sum + nodes.get(id).y, 0) / ids.length;
    place(1, [...keys].map(([id, key], at) => [id, { ...key, wanted: 4 + STEP * at }]));
    const owners = new Map();
    for (const [id, { stack }] of keys) {
      for (const { owner } of stack) owners.set(owner, [...(owners.get(owner) ?? []), id]);
    }
    place(0, [...owners].map(([id, of]) => {
      const owner = this.view.owner(id);
      return [`owner ${id}`, { owner, text: owner.label ?? "no owner", wanted: middle(of) }];
    }));
    place(2, uses.map(([name, variable, of]) => {
      const owner = this.view.owner(variable.owner) ?? variable.by;
      return [`variable ${name}`, { variable, owner, text: name, wanted: middle(of.map(keyOfUse)) }];
    }));
    return nodes;
  }

  edges(nodes, keys, uses) {
    const registered = [...keys].flatMap(([id, { stack }]) => stack.map(({ owner, state, ghost }) =>
      this.edge(nodes.get(`owner ${owner}`), nodes.get(id), state, ghost)));
    const built = uses.flatMap(([name, , of]) => of.map((use) =>
      this.edge(nodes.get(keyOfUse(use)), nodes.get(`variable ${name}`), use[3] ? "superseded" : "built")));
    return [...registered, ...built];
  }

  // The keys in the picture, in the list's order, each with all that was registered under it. Of each owner there are a
  // few: first what needs a look, what variables are built from, and what has just changed. One node stands for the rest.
  chosen() {
    const all = new Map();
    const add = (row) => {
      if (!all.has(keyOf(row))) all.set(keyOf(row), { registry: row.registry, key: row.key, text: row.key, stack: [] });
      all.get(keyOf(row)).stack.push(row);
    };
    for (const [, , rows] of this.view.wanted) rows.forEach(([, row]) => add(row));
    const isAll = !this.view.search.value && !this.view.states.size;
    for (const row of isAll ? this.view.store.ghosts : []) {
      if (this.view.owner(row.owner)) add({ ...row, state: "swept", ghost: true });
    }
    const used = new Set([...this.view.store.tables.variables.values()].flatMap(({ of }) => of.map(keyOfUse)));
    const changed = new Set([...this.view.store.changed].map((id) => id.split("\n").slice(0, 2).join("\n")));
    const weight = ([id, { stack }]) =>
      (stack.some(({ state }) => state !== "current") ? 4 : 0) + (used.has(id) ? 2 : 0) + (changed.has(id) ? 1 : 0);
    const some = new Map();
    const number = new Map();
    for (const [id, key] of [...all].sort((a, b) => weight(b) - weight(a))) {
      const owners = [...new Set(key.stack.map(({ owner }) => owner))];
      if (some.size === PICTURED || owners.every((owner) => (number.get(owner) ?? 0) >= OF_EACH)) continue;
      owners.forEach((owner) => number.set(owner, (number.get(owner) ?? 0) + 1));
      some.set(id, key);
    }
    const keys = new Map();
    for (const [owner, , rows] of this.view.wanted) {
      const ids = [...new Set(rows.map(([, row]) => keyOf(row)))];
      ids.filter((id) => some.has(id)).forEach((id) => keys.set(id, some.get(id)));
      const left = ids.filter((id) => !some.has(id)).length;
      const rest = { text: `${left.toLocaleString("en")} more`, rest: owner, stack: [{ owner, state: "rest" }] };
      if (left && number.has(owner)) keys.set(`rest ${owner}`, rest);
    }
    return new Map([...keys, ...some]);
  }

  edge(from, to, state, isGhost = false) {
    const former = GONE.includes(state);
    const [x, u] = [from.x + from.width, to.x - 1];
    const [y, v] = [from, to].map((node) => node.y + 11 + (former ? 5 : 0)); // beside the line of what is there now
    const bend = (u - x) / 2;
    const label = former ? (isGhost ? "swept" : "former") : state === "shadowed" && state;
    return svg("g", {
      class: `kreg-edge kreg-edge-${state}${former ? " kreg-former" : ""}${isGhost ? " kreg-ghost" : ""}`,
      style: `--kreg-colour: var(--kreg-${state}, var(--kreg-faint))`,
    }, svg("path", { d: `M${x} ${y}C${x + bend} ${y} ${u - bend} ${v} ${u} ${v}`, "marker-end": `url(#${this.arrow})` }),
    label && u - x > 60 ? svg("text", { x: (x + u) / 2, y: (y + v) / 2 - 3, "text-anchor": "middle" }, label) : null);
  }

  // What is said of a node, and the entry that it shows.
  told({ stack, rest, registry, key, variable, text, owner }) {
    if (rest) return [[`${text} of ${this.view.owner(rest).label}`]];
    const use = ([, key, relation, isFormer]) => `${relation} ${isFormer ? "the former " : ""}${key}`;
    if (variable) return [[text, ...variable.of.map(use)]];
    if (!stack) return [[owner.title]];
    const top = stack.find(({ state }) => !["shadowed", ...GONE].includes(state)) ?? stack.at(-1);
    return [[`${key} in ${registry}`, ...stack.map((row) => `${row.state}, of ${this.view.owner(row.owner).label}`)], top];
  }

  node(id, node, isFirst) {
    const { x, y, width, text, column } = node;
    const [says, entry] = this.told(node);
    const kinds = [["owner", "key", "variable"][column], node.rest && "rest"];
    kinds.push(GONE.includes(entry?.state) && "former", entry?.ghost && "ghost");
    return svg("g", {
      class: ["kreg-node", ...kinds.filter(Boolean).map((kind) => `kreg-${kind}`)].join(" "),
      style: entry && `--kreg-colour: var(--kreg-${entry.state})`,
      tabindex: isFirst ? 0 : -1,
      role: "button",
      "data-id": id,
      "data-column": column,
      "aria-label": says.join("; "),
      onclick: () => this.follows(id, node),
    }, svg("title", {}, says.join("\n")), svg("rect", { x, y, width, height: 22, rx: 4 }),
    entry ? svg("circle", { cx: x + 11, cy: y + 11, r: 4 }) : null,
    svg("text", { x: x + (entry ? 21 : 8), y: y + 15 }, this.fitting(text, width - (entry ? 27 : 16))));
  }

  // As much of a text as has room: its end, which tells keys of one package apart.
  fitting(text, width) {
    this.ruler ??= document.createElement("canvas").getContext("2d");
    this.ruler.font = `12px ${getComputedStyle(this.drawing).fontFamily}`;
    const fits = (some) => this.ruler.measureText(some).width <= width;
    let end = text.slice(-100);
    while (end.length > 1 && !fits(end === text ? text : `…${end}`)) end = end.slice(1);
    return end === text ? text : `…${end}`;
  }

  // Go where a node of the picture leads: a cell, or a row of the list.
  follows(id, { stack, rest, owner }) {
    if (!stack) return this.view.go(owner);
    const found = rest ? `owner ${rest}` : this.view.shown.find(({ row }) => row && keyOf(row) === id)?.id;
    if (found) this.view.activate(found, true);
  }

  point(element) {
    const nodes = this.drawing.querySelectorAll("[tabindex]");
    nodes.forEach((each) => each.setAttribute("tabindex", each === element ? 0 : -1));
    element.focus();
  }

  steer(event) {
    const nodes = [...this.drawing.querySelectorAll(".kreg-node")];
    const here = nodes.find((each) => each === this.view.focused());
    if (!here) return;
    const height = (each) => each.querySelector("rect").y.baseVal.value;
    const far = (each) => Math.abs(height(each) - height(here));
    const nearest = (some) => some.sort((a, b) => far(a) - far(b))[0];
    const column = Number(here.dataset.column);
    const inColumn = (at) => nodes.filter((each) => Number(each.dataset.column) === at);
    const ways = {
      ArrowDown: () => nearest(inColumn(column).filter((each) => height(each) > height(here))),
      ArrowUp: () => nearest(inColumn(column).filter((each) => height(each) < height(here))),
      ArrowRight: () => nearest(inColumn(column + 1)),
      ArrowLeft: () => nearest(inColumn(column - 1)),
      Home: () => nodes[0],
      End: () => nodes.at(-1),
    };
    if (event.key === "Enter" || event.key === " ") here.dispatchEvent(new MouseEvent("click"));
    else if (event.key in ways) {
      const next = ways[event.key]();
      if (next) this.point(next);
    } else return;
    event.preventDefault();
  }
}

// -- one view of it

class View {
  constructor(store, element) {
    this.store = store;
    this.closed = new Set(); // the owners that are folded
    this.states = new Set(); // the states that are asked for; all, if empty
    this.active = null; // the id of the row that the keyboard is at
    this.drawn = new Map();
    this.facts = h("div", { class: "kreg-facts" });
    this.search = h("input", {
      type: "search",
      placeholder: "Search keys, cells, sources",
      "aria-label": "Search keys, cells, registries, sources and notes",
      oninput: () => this.update(),
      onkeydown: (event) => event.key === "Escape" && ((this.search.value = ""), this.update()),
    });
    this.undo = h("button", { type: "button", onclick: () => this.act("undo", "") }, "undo");
    const close = h("button", { type: "button", title: "End the panel; %kreg panel opens another" }, "close");
    close.addEventListener("click", () => store.ask({ ask: "close" }));
    this.chips = h("div", { class: "kreg-chips", role: "group", "aria-label": "Show only these states" });
    this.news = h("details", { class: "kreg-news" });
    this.picture = new Picture(this);
    this.rows = h("div", { class: "kreg-rows", role: "rowgroup" });
    this.empty = h("div", { class: "kreg-empty" });
    this.list = h("div", {
      class: "kreg-list",
      role: "treegrid",
      "aria-label": "Entries by cell",
      onscroll: () => (this.frame ??= requestAnimationFrame(() => this.fill())),
      onkeydown: (event) => this.walk(event),
    }, this.rows);
    this.said = h("div", { class: "kreg-said", role: "status", "aria-live": "polite" });
    this.announced = h("div", { class: "kreg-unseen", "aria-live": "polite" }); // what the summary of the news says
    // JupyterLab looks for its shortcuts from the focused element on: a key in the panel is none of the notebook's.
    const own = ({ target }) => target.setAttribute("data-lm-suppress-shortcuts", "true");
    this.root = h("section", { class: "kreg-panel", "aria-label": "kreg panel", onfocusin: own },
      h("header", {}, this.facts, h("div", { class: "kreg-tools" }, this.search, this.undo, close)),
      this.chips, this.news, this.picture.root, this.list, this.empty, this.said, this.announced);
    element.append(this.root);
    this.ends = [...this.watch(), () => this.root.remove()];
    this.follow(true);
  }

  // Follow what the kernel says and the size; return the ends of it.
  watch() {
    const { store } = this;
    const on = (name, act) => (store.addEventListener(name, act), () => store.removeEventListener(name, act));
    const sized = new ResizeObserver(() => this.resize());
    sized.observe(this.root);
    sized.observe(this.list);
    return [
      on("change", ({ detail }) => this.follow(detail.isWhole)),
      on("answer", ({ detail }) => this.say(detail.answer, detail.done)),
      () => sized.disconnect(),
    ];
  }

  end() {
    this.ends.forEach((end) => end());
  }

  say(text, isDone = true) {
    this.said.textContent = text;
    this.said.classList.toggle("kreg-refused", !isDone);
  }

  act(word, key) {
    this.say(`%kreg ${word} ${key}`.trim() + " is waiting for the kernel …");
    this.store.ask({ do: word, key });
  }

  owner(id) {
    return this.store.tables.owners.get(id);
  }

  // -- what has changed

  follow(isWhole) {
    for (const [state, colour] of this.store.words) this.root.style.setProperty(`--kreg-${state}`, colour);
    this.groups = this.store.groups();
    this.drawn.forEach((element) => (element.item = {})); // each row is made anew
    this.tell(isWhole);
    this.update();
  }

  tell(isWhole) {
    const { facts } = this.store.tables;
    const [first = "kreg: waiting for the kernel …", ...faults] = facts.get("head") ?? [];
    this.facts.replaceChildren(h("strong", {}, first.split(":")[0]), first.slice(first.indexOf(":")),
      ...faults.map((fault) => h("div", { class: "kreg-refused" }, fault)));
    const undoable = facts.get("undo") ?? [];
    this.undo.toggleAttribute("disabled", !undoable.length);
    const more = (facts.get("undoable") ?? 0) - 5;
    const what = undoable.slice(0, 5).join(", ") + (more > 0 ? ` and ${more.toLocaleString("en")} more` : "");
    this.undo.title = undoable.length ? `%kreg undo restores ${what}` : "nothing was swept or cleared since";
    const { runs = [], counts = {}, acts = [], lost = 0 } = this.store.last;
    const ends = [...new Set([runs[0], runs.at(-1)])].map((run) => `[${run}]`);
    const when = runs.length ? `${ends.length > 1 ? "Runs" : "Run"} ${ends.join(" to ")}` : "Now";
    const parts = Object.entries(counts).map(([what, number]) => `${number.toLocaleString("en")} ${what}`);
    if (lost) parts.push(`${count(lost, "act")} that the log has forgotten`);
    const sentence = parts.length ? `${when}: ${parts.join(", ")}` : "Nothing has changed since the panel was opened";
    const rest = Object.values(counts).reduce((a, b) => a + b, 0) - acts.length;
    this.news.replaceChildren(
      h("summary", {}, sentence),
      h("ul", {}, acts.map((act) => h("li", {}, h("b", {}, act.what), ` ${act.key}`,
        h("span", { class: "kreg-faint" }, ` of ${act.owner.label ?? act.registry}${act.reason ? `: ${act.reason}` : ""}`))),
        rest > 0 ? h("li", { class: "kreg-faint" }, `… and ${rest.toLocaleString("en")} more: %kreg log`) : null),
    );
    if (!isWhole) this.announced.textContent = sentence;
  }

  isWanted(row, words) {
    if (this.states.size && !this.states.has(row.state)) return false;
    const text = [row.key, row.registry, row.state, row.source, row.note, row.object, this.owner(row.owner)?.title]
      .join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  }

  update() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.shown = [];
    this.ways = new Map();
    this.wanted = this.groups.map(([id, owner, rows]) => [id, owner, rows.filter(([, row]) => this.isWanted(row, words))]);
    this.wanted = this.wanted.filter(([, , rows]) => rows.length);
    for (const [id, owner, rows] of this.wanted) {
      this.shown.push({ id: `owner ${id}`, owner, total: rows.length, isOpen: !this.closed.has(id), of: id });
      if (!this.closed.has(id)) this.shown.push(...rows.map(([id, row]) => ({ id, row, owner })));
    }
    this.empty.textContent = this.shown.length ? "" :
      words.length || this.states.size ? "No entry is like this." : "No cell has registered anything so far.";
    this.count();
    this.lay();
    this.picture.draw();
  }

  count() {
    const counts = new Map(this.store.words.map(([state]) => [state, 0]));
    for (const { state } of this.store.tables.entries.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    this.states.forEach((state) => counts.get(state) || this.states.delete(state));
    const focused = this.chips.contains(this.focused()) && this.focused().dataset.state;
    const meaning = new Map(this.store.words.map(([state, , meaning]) => [state, meaning]));
    this.chips.replaceChildren(...[...counts].filter(([, number]) => number).map(([state, number]) =>
      h("button", {
        type: "button",
        class: "kreg-chip",
        "data-state": state,
        "aria-pressed": String(this.states.has(state)),
        title: meaning.get(state),
        onclick: () => {
          this.states.delete(state) || this.states.add(state);
          this.update();
        },
      }, this.dot(state), `${number.toLocaleString("en")} ${state}`)));
    if (focused) this.chips.querySelector(`[data-state="${focused}"]`)?.focus();
  }

  dot(state) {
    return h("span", { class: "kreg-dot", style: `--kreg-colour: var(--kreg-${state})`, "aria-hidden": "true" });
  }

  focused() {
    return this.root.getRootNode().activeElement;
  }

  // -- the list: only the rows in sight are elements

  resize() {
    const width = this.root.clientWidth;
    if (!width) return;
    if (width !== this.width) {
      this.width = width;
      this.root.classList.toggle("kreg-narrow", width < NARROW);
      this.drawn.forEach((element) => element.remove());
      this.drawn.clear();
      this.lay();
      this.picture.draw();
    } else this.fill();
  }

  lay() {
    const entry = this.width < NARROW ? HEIGHT.narrow : HEIGHT.entry;
    this.tops = [0];
    const height = (row) => (row ? entry + (row.note ? HEIGHT.note : 0) : HEIGHT.owner);
    for (const { row } of this.shown ?? []) this.tops.push(this.tops.at(-1) + height(row));
    this.rows.style.height = `${this.tops.at(-1)}px`;
    this.list.setAttribute("aria-rowcount", this.shown?.length ?? 0);
    this.list.hidden = !this.shown?.length;
    if (!this.shown?.some(({ id }) => id === this.active)) this.active = this.shown?.[0]?.id ?? null;
    this.fill();
  }

  // The number of the row at this height.
  at(height) {
    let [low, high] = [0, this.tops.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= height) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  fill() {
    this.frame = null;
    if (!this.shown) return;
    const { scrollTop, clientHeight } = this.list;
    const first = Math.max(this.at(scrollTop) - BEYOND, 0);
    const end = Math.min(this.at(scrollTop + clientHeight) + BEYOND + 1, this.shown.length);
    const wanted = new Set(Array.from({ length: Math.max(end - first, 0) }, (_, at) => first + at));
    const active = this.shown.findIndex(({ id }) => id === this.active);
    if (active >= 0) wanted.add(active); // the focus stays where it is
    const focus = this.rows.contains(this.focused()) ? this.focused() : null;
    const row = focus?.closest("[role=row]");
    const where = row && [row.dataset.id, [...row.querySelectorAll("button")].indexOf(focus)];
    const former = this.drawn;
    this.drawn = new Map();
    let next = this.rows.firstChild;
    for (const at of [...wanted].sort((a, b) => a - b)) {
      const item = this.shown[at];
      const known = former.get(item.id);
      const isSame = known && known.item.row === item.row && known.item.owner === item.owner
        && known.item.isOpen === item.isOpen && known.item.total === item.total;
      const element = isSame ? known : Object.assign(item.row ? this.entryRow(item) : this.ownerRow(item), { item });
      element.style.transform = `translateY(${this.tops[at]}px)`;
      element.style.height = `${this.tops[at + 1] - this.tops[at]}px`;
      element.setAttribute("aria-rowindex", at + 1);
      element.classList.toggle("kreg-changed", this.store.changed.has(item.id));
      this.reachable(element, item.id === this.active);
      if (element === next) next = next.nextSibling;
      else this.rows.insertBefore(element, next);
      former.delete(isSame ? item.id : null);
      this.drawn.set(item.id, element);
    }
    former.forEach((element) => element.remove());
    if (where && !this.rows.contains(this.focused())) {
      const again = this.drawn.get(where[0]) ?? this.drawn.get(this.active);
      (again?.querySelectorAll("button")[where[1]] ?? again)?.focus({ preventScroll: true });
    }
  }

  reachable(row, isActive) {
    row.tabIndex = isActive ? 0 : -1;
    row.querySelectorAll("button").forEach((button) => (button.tabIndex = isActive ? 0 : -1));
  }

  ownerRow(item) {
    const { owner, total, isOpen } = item;
    const why = this.way(owner);
    const go = why === null && h("button", {
      type: "button",
      "data-do": "go",
      title: `Scroll to ${owner.label}`,
      onclick: () => this.go(owner),
    }, "go to cell");
    return h("div", {
      class: "kreg-row kreg-owner",
      role: "row",
      "aria-level": 1,
      "aria-expanded": String(isOpen),
      "data-id": item.id,
      onclick: (event) => event.target.closest("button") || (this.activate(item.id), this.toggle(item)),
    }, h("span", { role: "gridcell" }, h("span", { class: "kreg-fold", "aria-hidden": "true" }, isOpen ? "▾" : "▸"),
      h("b", {}, owner.title || "no owner"), h("span", { class: "kreg-faint" }, `  ${count(total, "entry", "entries")}`)),
    h("span", { role: "gridcell", class: "kreg-acts" }, go || null));
  }

  entryRow(item) {
    const { row, owner } = item;
    const isGone = GONE.includes(row.state);
    const acts = isGone ? (row.undoable ? ["undo"] : []) : [row.pinned ? "release" : "keep", "clear"];
    const line = [row.line ? `line ${row.line}` : "", row.run && row.run !== owner.run ? `run [${row.run}]` : ""];
    const place = [row.registry, line.filter(Boolean).join(" of ")].filter(Boolean).join(", ");
    const uses = [...this.store.tables.variables].filter(([, { of }]) => of.some(([registry, key, , former]) =>
      registry === row.registry && key === row.key && former === isGone)).map(([name]) => name);
    const note = [row.note, uses.length ? `used by ${uses.join(", ")}` : ""].filter(Boolean).join("; ");
    const way = this.way(owner) ?? `Click to scroll to ${owner.label}`;
    const told = [`${row.key}: ${row.object}`, row.source, note, way];
    return h("div", {
      class: `kreg-row kreg-entry${isGone ? " kreg-gone" : ""}${row.note ? " kreg-noted" : ""}`,
      role: "row",
      "aria-level": 2,
      "data-id": item.id,
      title: told.filter(Boolean).join("\n"),
      onclick: (event) => event.target.closest("button") || (this.activate(item.id), this.go(owner)),
    },
    h("span", { role: "gridcell", class: "kreg-state" }, this.dot(row.state), row.state),
    h("span", { role: "gridcell", class: "kreg-key" }, row.key),
    h("span", { role: "gridcell", class: "kreg-place" }, place),
    h("span", { role: "gridcell", class: "kreg-acts" }, acts.map((word) => h("button", {
      type: "button",
      "data-do": word,
      "aria-label": `${word} ${row.key}`,
      title: word === "undo" ? "%kreg undo" : `%kreg ${word} ${row.key}`,
      onclick: () => (this.activate(item.id), this.act(word, row.key)),
    }, word))),
    h("span", { role: "gridcell", class: "kreg-source" }, row.source ? h("code", {}, coloured(row.source)) : null,
      note ? h("span", { class: "kreg-note" }, note) : null));
  }

  // Why a click cannot scroll to an owner's cell; null if it can. Asked once for each owner after a change.
  way(owner) {
    if (!this.ways.has(owner)) this.ways.set(owner, wayTo(this.store, this.root, owner));
    return this.ways.get(owner);
  }

  go(owner) {
    this.say(goTo(this.store, this.root, owner));
  }

  toggle({ of }) {
    this.closed.delete(of) || this.closed.add(of);
    this.update();
  }

  activate(id, isToFocus = false) {
    const before = this.drawn.get(this.active);
    if (before) this.reachable(before, false);
    this.active = id;
    const at = this.shown.findIndex((item) => item.id === id);
    const [top, end] = [this.tops[at], this.tops[at + 1]];
    if (isToFocus && top < this.list.scrollTop) this.list.scrollTop = top;
    if (isToFocus && end > this.list.scrollTop + this.list.clientHeight) this.list.scrollTop = end - this.list.clientHeight;
    this.fill();
    if (isToFocus) this.drawn.get(id).focus({ preventScroll: true });
  }

  walk(event) {
    const at = this.shown.findIndex(({ id }) => id === this.active);
    const item = this.shown[at];
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const element = this.drawn.get(item.id);
    const stops = [element, ...element.querySelectorAll("button")];
    const stop = stops.indexOf(this.focused());
    const page = Math.max(Math.floor(this.list.clientHeight / HEIGHT.entry) - 1, 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key in steps) {
      this.activate(this.shown[Math.min(Math.max(at + steps[event.key], 0), this.shown.length - 1)].id, true);
    } else if (event.key === "ArrowRight") {
      if (!item.row && !item.isOpen) this.toggle(item);
      else stops[Math.min(stop + 1, stops.length - 1)].focus();
    } else if (event.key === "ArrowLeft") {
      if (stop > 0) stops[stop - 1].focus();
      else if (item.row) this.activate(`owner ${item.row.owner}`, true);
      else if (item.isOpen) this.toggle(item);
    } else if ((event.key === "Enter" || event.key === " ") && stop === 0) {
      if (item.row) this.go(item.owner);
      else this.toggle(item);
    } else return;
    event.preventDefault();
  }
}

export default () => {
  let store = null;
  return {
    initialize({ model }) {
      store = new Store(model);
    },
    render({ el }) {
      const view = new View(store, el);
      if (store.views++ === 0) store.ask({ ask: "all" });
      return () => {
        view.end();
        if (--store.views === 0) store.ask({ ask: "rest" });
      };
    },
  };
};
