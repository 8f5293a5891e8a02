// Koop, a GeoServices server that is not ours, serving Natural Earth's 177 countries at 1:110m on loopback.
//
//   node serve.mjs [--limit 10] [--source FILE] [--users FILE]
//
// Looks for node_modules in $GEOHAUL_KOOP (see scripts/setup). Two layers of the same countries:
//   /earth/rest/services/hashed/FeatureServer/0    object ids are Koop's own 31-bit hashes, in no order;
//                                                  it says 2000 records a page and gives --limit
//   /earth/rest/services/numbered/FeatureServer/0  object ids are the numbers 1 to 177 in the field fid;
//                                                  it says what it gives
//
// Prints "listening on http://127.0.0.1:PORT", then one line for each query: "query NAME PARAMETERS-AS-JSON".
// --users names those who may come in, as [{"username", "password"}]: everything else wants a token then.
// --source writes the countries as given to Koop (GeoJSON): the truth that an export is compared with.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: { limit: { type: 'string', default: '10' }, source: { type: 'string' }, users: { type: 'string' } },
});
const limit = Number(options.limit);

process.env.SUPPRESS_NO_CONFIG_WARNING = '1';
// The token service is named with http: there is no TLS here.
process.env.GEOSERVICES_HTTP = 'true';
const require = createRequire(join(process.env.GEOHAUL_KOOP ?? '.', 'package.json'));
const Koop = require('@koopjs/koop-core');
const { feature } = require('topojson-client');
const world = require('world-atlas/countries-110m.json');

const countries = feature(world, world.objects.countries).features.map(({ id, properties, geometry }, at) => ({
  type: 'Feature',
  // Text, a null, an empty text, 0, a decimal and a number beyond 32 bits in every few rows.
  properties: {
    fid: at + 1,
    name: properties.name,
    iso_n3: id ?? null,
    note: at % 3 === 0 ? '' : at % 3 === 1 ? null : `Größe “${at}”`,
    share: at % 7 === 0 ? 0 : at / 7,
    big: 5_000_000_000 + at,
  },
  geometry,
}));
if (options.source) writeFileSync(options.source, JSON.stringify({ type: 'FeatureCollection', features: countries }));

const fields = [
  { name: 'fid', type: 'Integer' },
  { name: 'name', type: 'String' },
  { name: 'iso_n3', type: 'String' },
  { name: 'note', type: 'String' },
  { name: 'share', type: 'Double' },
  { name: 'big', type: 'Double' },
];
const metadata = {
  hashed: { name: 'hashed', geometryType: 'MultiPolygon', maxRecordCount: 2000, fields },
  numbered: { name: 'numbered', geometryType: 'MultiPolygon', maxRecordCount: limit, idField: 'fid', fields },
};

class Earth {
  async getData(request, callback) {
    const known = metadata[request.params.id];
    if (!known) return callback(Object.assign(new Error(`no service ${request.params.id}`), { code: 404 }));
    callback(null, { type: 'FeatureCollection', metadata: structuredClone(known), features: structuredClone(countries) });
  }
}

// Koop advertises a page limit and does not keep to it; this does.
function clamp(request, _response, next) {
  if (!request.path.endsWith('/query')) return next();
  const given = { ...request.query, ...request.body };
  const rows = !['returnCountOnly', 'returnIdsOnly', 'returnExtentOnly'].some((key) => `${given[key]}` === 'true');
  if (rows && !given.outStatistics) {
    const asked = Number(given.resultRecordCount);
    const count = String(asked > 0 ? Math.min(asked, limit) : limit);
    for (const place of [request.query, request.body]) {
      if (place && Object.keys(place).length) place.resultRecordCount = count;
    }
  }
  console.log(`query ${request.path.split('/')[4]} ${JSON.stringify(given)}`);
  next();
}

const silent = Object.fromEntries(['debug', 'info', 'warn', 'error', 'silly', 'verbose', 'log'].map((level) => [level, () => {}]));
const koop = new Koop({ logger: silent });
koop.server.use(clamp);
if (options.users) koop.register(require('@koopjs/auth-direct-file')('signed with this', options.users));
koop.register({ type: 'provider', name: 'earth', version: '1.0.0', Model: Earth });
const server = koop.server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
