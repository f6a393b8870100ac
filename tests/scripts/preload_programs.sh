#!/bin/sh
# Programs nobody here wrote do under libweir-malloc.so exactly what they do without it.
# Each is skipped by itself where it is not installed; five at least are wanted in CI.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_preload
cd "$scratch" || exit 99
export LC_ALL=C PYTHONHASHSEED=0 HOME="$scratch" GIT_CONFIG_NOSYSTEM=1

# same NAME COMMAND: a shell command gives the same output and status both ways.
same()
{
    name=$1
    sh -c "$2" >plain.out 2>plain.err
    plain=$?
    LD_PRELOAD=$library sh -c "$2" >weir.out 2>weir.err
    status=$?
    if [ $plain -eq 0 ] && [ $status -eq 0 ] && cmp -s plain.out weir.out && [ -s plain.out ]; then
        passed "$name"
    else
        echo "status $plain and $status"
        diff plain.out weir.out | head -5
        failed "$name" weir.err
    fi
}

have() { command -v "$1" >/dev/null || { skipped "$1" "not here"; false; }; }

python=/usr/bin/python3
[ -x $python ] || python=python3
cat >work.py <<'END'
import json, re, subprocess, threading
rows = [{"n": i, "s": "x" * (i % 300), "l": list(range(i % 20))} for i in range(20000)]
text = json.dumps(rows)
print(len(text), len(json.loads(text)), len(re.findall(r"\d+", text)))
out = []
def work(k):
    out.append(sum(len(str(i) * k) for i in range(20000)))
threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(out), subprocess.run(["echo", "child"], stdout=subprocess.PIPE).stdout)
try:
    import numpy as np
    a = np.arange(300000.0).reshape(600, 500)
    print(float((a @ a.T).trace()), np.sort(a.ravel()[::-7])[:5].tolist())
except ImportError:
    print("no numpy")
END
have $python && same "python, with numpy where it is" "$python work.py"

cat >work.sql <<'END'
create table t(a integer, b text); create index i on t(b);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 30000)
  insert into t select x, printf('%06d', (x * 7919) % 30011) from n;
select count(*), sum(a), min(b), max(b), group_concat(substr(b, 3, 2)) from t where a % 7 = 0;
END
have sqlite3 && same "sqlite3" "sqlite3 :memory: '.read work.sql'"

if have git; then
    git init -q repository 2>/dev/null && cd repository && git config user.email a@b && git config user.name a
    for i in 1 2 3 4 5 6; do
        for f in 1 2 3 4 5 6 7 8; do seq $i $((i * f * 40)) >file$f; done
        git add . && GIT_AUTHOR_DATE="@$i +0000" GIT_COMMITTER_DATE="@$i +0000" git commit -qm "commit $i"
    done
    cd ..
    same "git" "cd repository && git log -p --stat -M && git fsck 2>/dev/null; git repack -adfq --threads=2 && git rev-list --objects --all && git blame file3 | tail -3"
fi

cat >work.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#define F(n) static int f##n(int x) { int s = 0; for (int i = 0; i < x; i++) s += i * n ^ s >> 3; return s; }
#define G(n) F(n##0) F(n##1) F(n##2) F(n##3) F(n##4) F(n##5) F(n##6) F(n##7) F(n##8) F(n##9)
G(1) G(2) G(3) G(4) G(5) G(6) G(7) G(8) G(9)
int main(void) { printf("%d %d\n", f10(atoi("7")) + f55(3), f99(4)); return 0; }
END
have gcc && same "gcc" "gcc -O2 -S -w -o - work.c"

cat >work.js <<'END'
const zlib = require('zlib');
let rows = [];
for (let i = 0; i < 20000; i++) rows.push({i, s: 'text ' + i});
const text = JSON.stringify(rows);
console.log(zlib.inflateSync(zlib.deflateSync(text)).length, Buffer.from(text).toString('base64').length);
END
have node && same "node" "node work.js"
have perl && same "perl" 'perl -e "for (1..60000) { push @{\$h{\$_ % 501}}, qq(v\$_) x (\$_ % 9) } print join(q(,), map { scalar(@{\$h{\$_}}), length(\$h{\$_}[-1]) } sort keys %h), qq(\n)"'
seq 1 300000 >numbers
have xz && same "xz with two threads" "xz -1 -T2 --block-size=500KiB -c numbers"
have pigz && same "pigz" "pigz -n -p2 -c numbers"
have sort && same "sort with two threads" "sort -r --parallel=2 -S 3M numbers | sha256sum"

redis_port()
{
    $python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# The server under the library, its clients without it.
if have redis-server && have redis-benchmark && have $python; then
    port=$(redis_port)
    printf 'port %s\nbind 127.0.0.1\nsave ""\ndir %s\n' "$port" "$scratch" >redis.conf
    LD_PRELOAD=$library redis-server redis.conf >redis.log 2>&1 &
    server=$!
    tries=0
    until redis-cli -p "$port" ping >/dev/null 2>&1 || [ $tries -ge 4000 ]; do
        tries=$((tries + 1))
        sleep 0.05
    done
    redis-benchmark -p "$port" -q -n 20000 -c 10 -P 8 -t set,get,lpush,sadd,hset >redis.bench 2>&1
    benchmark=$?
    answer=$(redis-cli -p "$port" eval 'for i=1,2000 do redis.call("append", KEYS[1], i) end return redis.call("strlen", KEYS[1])' 1 key)
    redis-cli -p "$port" shutdown nosave >/dev/null 2>&1
    wait $server
    status=$?
    if [ $benchmark -eq 0 ] && [ $status -eq 0 ] && [ "$answer" = 6893 ]; then
        passed "redis-server under redis-benchmark"
    else
        echo "benchmark $benchmark, server $status, answer $answer"
        failed "redis-server under redis-benchmark" redis.log
    fi
fi

finish
