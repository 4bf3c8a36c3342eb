// kinesalite on one address of this machine, whose streams and shards change their states at once.
const [port, host] = process.argv.slice(2)
const states = { createStreamMs: 0, deleteStreamMs: 0, updateStreamMs: 0 }
require('kinesalite')({ ...states, shardLimit: 500 }).listen(Number(port), host)
