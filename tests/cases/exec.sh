# The same command lines on dockerd and on Berth; run by same-as. No line may depend on networks, registries, or words that dockerd has changed since 20.10.
docker rm -f bc-x1 bc-x2 >/dev/null 2>&1; true
docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' $BUSYBOX_TAR bc-exec:latest >/dev/null
docker run -d --network none --name bc-x1 -e FROM=container -w /tmp bc-exec sleep 1000 >/dev/null
# Environment, folder, user, groups.
docker exec bc-x1 sh -c 'echo $FROM $HOME; pwd; id -u'
docker exec -e FROM=exec -e EMPTY= bc-x1 sh -c 'echo $FROM $EMPTY end'
docker exec -u 12:34 bc-x1 id
docker exec -u nobody bc-x1 sh -c 'id -un; echo $HOME'
docker exec -u root:nobody bc-x1 sh -c 'id -gn' 2>&1 | tail -1
docker exec -u nosuch bc-x1 true 2>&1 | grep -o 'unable to find user nosuch: no matching entries in passwd file'
docker exec -u 0:nosuch bc-x1 true 2>&1 | grep -o 'unable to find group nosuch: no matching entries in group file'
docker exec -w /etc bc-x1 pwd
docker exec -w relative bc-x1 pwd 2>&1 | grep -c .
printf 'A=1\n#c\nB=two words\nFROM\n' >env; FROM=here docker exec --env-file env bc-x1 sh -c 'echo $A $B $FROM'
docker exec --env-file nosuch bc-x1 true
# Exit statuses.
docker exec bc-x1 sh -c 'exit 3'
docker exec bc-x1 nosuch 2>&1 | grep -o 'executable file not found in $PATH'
docker exec bc-x1 /nosuch 2>&1 | grep -o 'no such file or directory' | head -1
docker exec bc-x1 /etc 2>&1 | grep -io 'permission denied' | head -1
docker exec bc-x1 sh -c 'kill -TERM $$'
docker exec bc-x1
docker exec
docker exec bc-nosuch true
docker exec --bogus bc-x1 true
docker exec -it bc-x1 true
# Streams.
docker exec bc-x1 sh -c 'echo out; echo err >&2'
printf 'a\nb\n' | docker exec -i bc-x1 sh -c 'read x; echo got $x; cat'
printf 'ignored' | docker exec bc-x1 sh -c 'cat; echo end'
head -c 300000 /dev/zero | docker exec -i bc-x1 wc -c
docker exec bc-x1 sh -c 'head -c 300000 /dev/zero' | wc -c
docker exec -t bc-x1 sh -c 'test -t 1 && echo terminal' | tr -d '\r'
docker exec -d bc-x1 sh -c 'echo detached >/tmp/d'; sleep 0.5; docker exec bc-x1 cat /tmp/d
docker exec -d bc-x1 nosuch 2>&1 | grep -o 'executable file not found in $PATH'
docker exec bc-x1 sh -c 'grep CapEff /proc/self/status'
docker exec --detach-keys bogus-key bc-x1 true
for i in 1 2 3 4 5 6; do docker exec bc-x1 sh -c "sleep 0.2; echo $i" & done | sort
# What is left, and what happens when the container goes.
docker inspect -f '{{.ExecIDs}}' bc-x1
docker top bc-x1 -o comm
(sleep 0.5; docker kill bc-x1 >/dev/null) & docker exec bc-x1 sleep 100; wait
docker exec bc-x1 true
docker start bc-x1 >/dev/null; docker pause bc-x1; docker exec bc-x1 true; docker unpause bc-x1
# Logs of the container know nothing of it; logs with times, ends and details.
docker logs bc-x1
docker run --network none --name bc-x2 -l l=1 -e E=2 --log-opt labels=l --log-opt env=E bc-exec sh -c 'for i in 1 2 3; do echo line $i; sleep 0.1; echo error $i >&2; sleep 0.1; done; printf unended'
docker logs bc-x2 2>/dev/null
docker logs -n 2 bc-x2 2>/dev/null
docker logs --tail all bc-x2 2>/dev/null | wc -l
docker logs --tail bogus bc-x2 2>/dev/null | wc -l
docker logs --details bc-x2 2>/dev/null | head -1
docker logs --since 1h --until 1s bc-x2 2>/dev/null | wc -l
docker logs --since bogus bc-x2
docker logs -f bc-x2 2>/dev/null | tail -1
docker logs bc-nosuch
docker run --rm --network none --log-driver none bc-exec echo unlogged
docker run -d --network none --log-driver bogus bc-exec true
docker run -d --network none --log-opt bogus=1 bc-exec true
docker run --network none --rm -i bc-exec sh -c 'read x || echo no input'
printf 'in' | docker run --network none --rm -i -a stdin -a stdout bc-exec sh -c 'cat; echo; echo hidden >&2'
docker run --network none --rm -a stderr bc-exec sh -c 'echo hidden; echo shown >&2'
docker rm -f bc-x1 bc-x2; docker rmi bc-exec | grep -c Untagged
