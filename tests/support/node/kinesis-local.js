// kinesis-local, which reads a file beside it, and takes five seconds to end unless it is made to.
const path = require('path')
const program = require.resolve('kinesis-local')
process.on('SIGTERM', () => process.kill(process.pid, 'SIGKILL'))
process.chdir(path.dirname(program))
require(program)
