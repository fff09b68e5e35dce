// node jsreport.js FORMAT ROWS.json FILE: write rows with the template engine and recipe that jsreport has for the format.
const { readFileSync, writeFileSync } = require('fs')
const [format, rows, file] = process.argv.slice(2)

const cells = '{{#each this}}<td>{{this}}</td>{{/each}}'
const table = `<table><tr>{{#each names}}<th>{{this}}</th>{{/each}}</tr>{{#each rows}}<tr>${cells}</tr>{{/each}}</table>`
const line = '{{#each this}}{{#unless @first}},{{/unless}}{{{this}}}{{/each}}\r\n'
const templates = {
  csv: { recipe: 'html', content: `{{#each names}}{{#unless @first}},{{/unless}}{{{this}}}{{/each}}\r\n{{#each rows}}${line}{{/each}}` },
  html: { recipe: 'html', content: table },
  xlsx: { recipe: 'html-to-xlsx', content: table, htmlToXlsx: { htmlEngine: 'cheerio' } }
}

async function main () {
  const jsreport = require('@jsreport/jsreport-core')({
    loadConfig: false, logger: { silent: true }, reportTimeout: 600000, discover: false, store: { provider: 'memory' }
  })
  for (const name of ['handlebars', 'html-to-xlsx']) {
    jsreport.use(require(`@jsreport/jsreport-${name}`)())
  }
  await jsreport.init()
  const report = await jsreport.render({
    template: { engine: 'handlebars', ...templates[format] }, data: JSON.parse(readFileSync(rows))
  })
  writeFileSync(file, report.content)
  await jsreport.close()
}
main().then(() => process.exit(0), error => { console.error(error); process.exit(1) })
