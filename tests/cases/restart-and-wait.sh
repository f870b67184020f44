# The same command lines on dockerd and on Berth; run by same-as. No line may depend on networks, registries, or words that dockerd has changed since 20.10.
docker rm -f bc-w1 bc-w2 bc-w3 bc-w4 bc-w5 >/dev/null 2>&1; true
docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' $BUSYBOX_TAR bc-wait:latest >/dev/null
# Waits: for the next exit, for a removal, for what has ended already.
docker run -d --network none --name bc-w1 bc-wait sh -c 'sleep 0.5; exit 3' >/dev/null; docker wait bc-w1; docker wait bc-w1
docker run -d --rm --network none --name bc-w2 bc-wait sh -c 'sleep 0.5; exit 4' >/dev/null; docker wait bc-w2; sleep 0.3; docker ps -aq --filter name=bc-w2
docker start -a bc-w1; docker start -ai bc-w1 </dev/null
docker start -a bc-w1 bc-nosuch
# Restart policies.
docker run -d --network none --name bc-w2 --restart on-failure:1 bc-wait sh -c 'exit 5' >/dev/null; sleep 2; docker inspect -f '{{.State.Status}} {{.RestartCount}} {{.State.ExitCode}}' bc-w2
docker run -d --network none --name bc-w3 --restart always bc-wait sh -c 'sleep 0.3; exit 6' >/dev/null; sleep 1.5; docker inspect -f '{{if gt .RestartCount 0}}restarted{{end}}' bc-w3; docker stop bc-w3; docker inspect -f '{{.State.Status}} {{.State.Restarting}}' bc-w3
docker run -d --network none --name bc-w4 --restart unless-stopped bc-wait sleep 100 >/dev/null; docker kill bc-w4 >/dev/null; sleep 0.5; docker inspect -f '{{.State.Running}} {{.State.ExitCode}}' bc-w4
docker update --restart no bc-w4; docker rm -f bc-w4
docker run -d --network none --restart bogus bc-wait true
docker run -d --network none --restart on-failure:-1 bc-wait true
docker run -d --network none --restart always:3 bc-wait true
docker run --rm --network none --restart on-failure bc-wait true
# A container that joins another's network namespace, and one that is not there.
docker create --network container:bc-nosuch --name bc-w4 bc-wait true >/dev/null; docker start bc-w4; docker rm bc-w4
docker run -d --network none --name bc-w4 bc-wait sleep 100 >/dev/null; docker run --rm --network container:bc-w4 bc-wait ls /sys/class/net; docker inspect -f '{{.HostConfig.NetworkMode}}' bc-w4
docker run --rm --network container:bc-w4 --hostname x bc-wait true
# Signals, exit statuses, proxying.
docker run -d --network none --name bc-w5 bc-wait sh -c 'trap "echo usr1" USR1; trap "echo term; exit 8" TERM; echo ready; while :; do sleep 0.1; done' >/dev/null; sleep 0.5; docker kill -s USR1 bc-w5; sleep 0.5; docker kill --signal 15 bc-w5; docker wait bc-w5; docker logs bc-w5
docker start bc-w5 >/dev/null; sleep 0.3; docker restart -t 5 bc-w5; docker stop bc-w5; docker inspect -f '{{.State.ExitCode}}' bc-w5
docker run --rm --network none bc-wait sh -c 'kill -9 $$'
docker run --rm --network none bc-wait sh -c 'kill -TERM $$; sleep 1; exit 2'
docker run --rm --network none --entrypoint sh bc-wait -c 'exit 300'
docker run --rm --network none --stop-signal KILL -d --name bc-none bc-wait sleep 100 >/dev/null; docker stop bc-none; sleep 0.3; docker ps -aq --filter name=bc-none
docker pause bc-w4; docker stop -t 1 bc-w4; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' bc-w4
docker rm -f bc-w1 bc-w2 bc-w3 bc-w4 bc-w5; docker rmi bc-wait | grep -c Untagged
