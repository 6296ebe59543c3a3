// Shows the logbook. Entries are text, never markup: keepers are poets, and poets use angle brackets.
const list = document.getElementById('entries');

function show(entry) {
  const item = document.createElement('li');
  item.className = entry.kind;
  item.textContent = `${entry.at}  ${entry.text}`;
  list.append(item);
}

fetch('cgi-bin/api.sh/entries')
  .then((answer) => answer.json())
  .then((entries) => entries.forEach(show));
