# The same command lines on dockerd and on Berth; run by same-as. No line may depend on networks, registries, or words that dockerd has changed since 20.10.
docker rm -f bc-c1 bc-c2 bc-c3 bc-c4 bc-c5 bc-new >/dev/null 2>&1; true
docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' -c 'LABEL from=image' $BUSYBOX_TAR bc-run:latest >/dev/null
# create: names, what the image gives, what may not be.
docker create --network none --name bc-c1 -l own=label -e E=1 -w /w -u 5:6 --hostname box --stop-signal USR1 --stop-timeout 3 --init=false bc-run sleep 100
docker inspect -f '{{.Name}} {{.Path}} {{json .Args}} {{json .Config.Labels}} {{json .Config.Env}} {{.Config.WorkingDir}} {{.Config.User}} {{.Config.Hostname}} {{.Config.StopSignal}} {{.Config.StopTimeout}} {{.State.Status}}' bc-c1
docker create --network none --name bc-c1 bc-run true
docker create --network none --name 'bad name' bc-run true
docker create --network none --name -x bc-run true
docker create --network none bc-nosuch@sha256:00 true
docker create --network none --restart always --rm bc-run true
docker create --network none --entrypoint '' --name bc-c2 bc-run 2>&1 | tr N n
docker inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}}' bc-c2
docker rm bc-c2
docker create --network none -m 1m bc-run true
docker create --network none --cpus 1000 bc-run true 2>&1 | sed 's/0.01 to .* only/RANGE/;s/only [0-9]* CPUs/only N CPUs/;s/to [0-9.]*,/to N,/;s/Range/range/'
docker create --network none --cap-add BOGUS bc-run true
docker create --network none --security-opt bogus=1 bc-run true
docker create --network container:bc-nosuch --name bc-c2 bc-run true 2>&1 | grep -c .; docker rm -f bc-c2 >/dev/null 2>&1; true
docker create --network none --ulimit nofile=10:5 bc-run true
# start, stop, kill and their errors on what does not run.
docker stop bc-c1
docker kill bc-c1
docker pause bc-c1
docker unpause bc-c1
docker top bc-c1
docker attach bc-c1
docker exec bc-c1 true
docker wait bc-nosuch bc-none
docker start bc-c1; docker start bc-c1
docker rm bc-c1
docker kill -s BOGUS bc-c1
docker kill -s 0x bc-c1
docker unpause bc-c1
docker pause bc-c1 bc-nosuch; docker pause bc-c1
docker exec bc-c1 true; docker ps --filter name=bc-c1 --format '{{.State}} {{.Status}}'
docker stop -t 1 bc-c1
docker inspect -f '{{.State.ExitCode}} {{.State.Paused}} {{.State.OOMKilled}} {{.State.Error}} {{.State.Pid}}' bc-c1
docker stop bc-c1; docker start bc-c1 >/dev/null; docker stop -s KILL bc-c1; docker inspect -f '{{.State.ExitCode}}' bc-c1
# rename, update, restart.
docker rename bc-c1 bc-new; docker rename bc-new bc-new
docker rename bc-nosuch bc-x
docker rename bc-new 'bad name'
docker create --network none --name bc-c2 bc-run true >/dev/null; docker rename bc-new bc-c2 2>&1 | sed 's/[0-9a-f]\{64\}/ID/'
docker update --restart on-failure:3 bc-new; docker inspect -f '{{json .HostConfig.RestartPolicy}}' bc-new
docker update --restart bogus bc-new
docker update -m 1m bc-new
docker update --memory 64m --memory-swap 128m --cpu-shares 512 --pids-limit 77 bc-new bc-nosuch; docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.CpuShares}} {{.HostConfig.PidsLimit}}' bc-new
docker update --memory 256m bc-new
docker restart -t 0 bc-new bc-nosuch; docker inspect -f '{{.State.Running}} {{.RestartCount}}' bc-new
# top, diff, wait, logs, export of a live container.
docker exec bc-new sh -c 'mkdir /made; echo x >/made/f; rm /etc/group; ln -s f /made/l'; docker diff bc-new | grep -v /w$ | sort
docker top bc-new -o pid,comm | tail -1 | tr -s ' ' | cut -d' ' -f2
docker top bc-new -o bogus 2>&1 | head -1 | cut -c1-25
docker export bc-new | tar -tv 2>/dev/null | grep -E 'made|group' | tr -s ' ' | cut -d' ' -f1,2,6- | sort
docker export -o /nonexistent/x bc-new
(sleep 0.5; docker kill bc-new >/dev/null) & docker wait bc-new; wait
docker wait bc-new bc-c2 bc-nosuch
docker diff bc-nosuch
docker logs bc-c2
docker port bc-c2; docker port bc-c2 80
docker rm bc-new bc-c2 bc-nosuch
# rm, rm -f, automatic removal, exit statuses of run.
docker run --rm --network none --name bc-c3 bc-run sh -c 'exit 9'; docker ps -aq --filter name=bc-c3
docker run --network none --name bc-c3 bc-run /nosuch 2>&1 | grep -o 'no such file or directory' | head -1; docker inspect -f '{{.State.Status}} {{.State.ExitCode}}' bc-c3; docker rm bc-c3
docker run --network none --rm bc-run /etc 2>&1 | grep -io 'permission denied' | head -1
docker run --network none --rm -w relative bc-run true
docker run --network none --rm -u nosuchuser bc-run true 2>&1 | grep -o 'unable to find user nosuchuser: no matching entries in passwd file' | head -1
docker run --network none --rm --bogus bc-run true
docker run --network none --rm
docker run -d --network none --name bc-c4 bc-run sh -c 'trap "exit 5" TERM; while :; do sleep 0.1; done' >/dev/null; sleep 0.3; docker stop bc-c4; docker inspect -f '{{.State.ExitCode}}' bc-c4
docker ps -a --filter name=bc-c4 --filter exited=5 --format '{{.Names}} {{.Image}} {{.Command}} {{.Labels}} {{.Mounts}}|{{.Ports}}|{{.Networks}}|{{.LocalVolumes}}'
docker ps -a --filter name=bc-c4 --filter exited=6 -q
docker ps -a --filter ancestor=bc-run --filter status=exited --format '{{.Names}}'
docker ps -a --filter label=from=image --filter status=created -q
docker ps -a --filter status=bogus 2>&1 | tr I i
docker ps -a --filter exited=x 2>&1 | wc -l
docker ps -a --filter health=bogus
docker ps -a --filter before=bc-nosuch 2>&1 | grep -ic 'no such container'
docker ps -a --filter is-task=x
docker ps -a --filter name=^/bc-c4$ --format '{{.Names}}'
docker ps -a --filter name=bc-c4 --no-trunc --format 'table {{.Names}}\t{{.Command}}\t{{.Size}}' -s | cut -c1-40
docker ps -a --filter name=bc-c4 --format '{{.Label "from"}} {{.Names}} {{.State}}'
docker run -d --network none --name bc-c5 -l bc=prune bc-run true >/dev/null; docker wait bc-c5; docker container prune -f --filter label=bc=prune | sed 1,2d
docker container prune -f --filter bogus=1
docker container prune -f --filter until=bogus
docker rm -f bc-c4 bc-nosuch
docker rm -f bc-nosuch
docker run -d --network none --name bc-c5 --health-cmd 'cat /h' --health-interval 300ms --health-retries 2 --health-timeout 2s bc-run sh -c 'echo fine >/h; sleep 100' >/dev/null; sleep 1; docker inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}} {{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' bc-c5
docker exec bc-c5 rm /h; sleep 1.5; docker inspect -f '{{.State.Health.Status}}' bc-c5; docker ps --filter health=unhealthy --filter name=bc-c5 --format '{{.Names}}'
docker rm -f bc-c5; docker rmi bc-run | grep -c Untagged
