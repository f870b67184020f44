# The same command lines on dockerd and on Berth; run by same-as. No line may depend on networks, registries, or words that dockerd has changed since 20.10.
docker rm -f bc-v1 bc-v2 bc-v3 >/dev/null 2>&1; true
docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' -c 'LABEL il=iv' $BUSYBOX_TAR bc-ev:latest >/dev/null
# A container's life as events, with their attributes.
S=$(date +%s.%N); docker run --network none --name bc-v1 -l cl=cv bc-ev sh -c 'exit 3'; docker rename bc-v1 bc-v2; docker start bc-v2 >/dev/null; docker wait bc-v2; docker rm bc-v2; E=$(date +%s.%N)
docker events --since $S --until $E --filter type=container --filter image=bc-ev --format '{{.Type}} {{.Action}} {{.Scope}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}} {{.Actor.Attributes.cl}} {{.Actor.Attributes.il}} {{.Actor.Attributes.image}} {{.Actor.Attributes.oldName}}'
docker events --since $S --until $E --filter container=bc-v1 --filter event=die --format '{{.Status}} {{.From}}'
docker events --since $S --until $E --filter label=cl=cv --filter event=create --filter event=destroy --format '{{.Action}}'
docker events --since $S --until $E --filter label=cl=other --format '{{.Action}}'
docker events --since $S --until $E --filter scope=swarm --format '{{.Action}}'
S=$(date +%s.%N); docker tag bc-ev bc-ev:two; docker rmi bc-ev:two; docker save bc-ev >s.tar; docker load -qi s.tar; E=$(date +%s.%N)
docker events --since $S --until $E --filter type=image --filter image=bc-ev --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'
docker events --since $S --until $E --filter type=image --filter event=untag --format '{{.Action}}'
docker run -d --network none --name bc-v1 bc-ev sleep 100 >/dev/null; S=$(date +%s.%N); docker exec bc-v1 sh -c 'exit 4'; docker pause bc-v1; docker unpause bc-v1; docker kill -s CONT bc-v1; docker update --cpu-shares 512 bc-v1 >/dev/null; docker top bc-v1 >/dev/null; docker cp bc-v1:/etc/passwd . 2>/dev/null; docker export bc-v1 >/dev/null; docker commit bc-v1 bc-ev:made >/dev/null; docker restart -t 0 bc-v1; docker stop -t 0 bc-v1; E=$(date +%s.%N)
docker events --since $S --until $E --filter container=bc-v1 --format '{{.Action}} {{.Actor.Attributes.signal}} {{.Actor.Attributes.exitCode}}'
docker events --since bogus
docker events --until 0 --since 1 --format '{{.Bogus}}'
# Go templates on inspect.
docker start bc-v1 >/dev/null
docker inspect -f '{{json .Config.Cmd}} {{len .Config.Env}} {{index .Config.Env 0}} {{.State.Running | not}}' bc-v1
docker inspect -f '{{range $i, $e := .Config.Env}}{{$i}}={{$e}};{{end}}{{if .State.Running}}up{{else}}down{{end}}' bc-v1
docker inspect -f '{{with .Config}}{{.Image}}{{end}} {{printf "%s-%d" .Name .RestartCount}} {{eq .Name "/bc-v1"}} {{and true .State.Paused}}' bc-v1
docker inspect -f '{{join .Config.Env ","}} {{upper .Name}} {{title "abc"}} {{split "a:b" ":"}} {{pad "x" 1 2}}|{{truncate "abcdef" 3}}' bc-v1
docker inspect -f '{{.Bogus}}' bc-v1
docker inspect -f '{{.Config.Bogus}}' bc-v1
docker inspect -f '{{bogus}}' bc-v1
docker inspect -f '{{.Name' bc-v1
docker inspect -f '{{range .Config.Env}}x{{else}}none{{end}}{{/* comment */}}{{- " trimmed " -}} end' bc-v1
docker inspect -f '{{define "t"}}<{{.}}>{{end}}{{template "t" .Name}}' bc-v1
docker inspect -f '{{$x := .Name}}{{$x = "changed"}}{{$x}} {{slice .Name 1 3}} {{html "<a>"}} {{js "a'\''b"}} {{urlquery "a b"}} {{print 1 2 "x"}}{{println}}' bc-v1
docker inspect -f '{{or "" "b"}} {{lt 1 2}} {{ge 2 2}} {{ne "a" "b"}} {{call .Name}}' bc-v1
docker inspect -f '{{json .HostConfig.RestartPolicy}} {{.HostConfig.NetworkMode}} {{json .HostConfig.LogConfig}} {{json .HostConfig.CapAdd}} {{json .HostConfig.Binds}} {{.HostConfig.ShmSize}} {{json .Mounts}}' bc-v1
docker inspect -f '{{json .State}}' bc-v1 | sed -E 's/"Pid":[0-9]+/"Pid":N/'
docker inspect --type image -f '{{.Id}}' bc-v1 2>&1 | sed 's/no such image: bc-v1: //'
docker inspect --type container -f '{{.Id}}' bc-ev
docker inspect --type bogus bc-v1
docker inspect -s -f '{{.SizeRw}}' bc-v1
docker inspect -f '{{.Name}}' bc-v1 bc-nosuch; docker container inspect bc-nosuch; docker image inspect bc-nosuch 2>&1 | sed 's/no such image: bc-nosuch: //'
docker inspect bc-v1 | grep -oE '^ {4}"[A-Za-z]+"' | grep -vE 'GraphDriver' | sort
docker inspect bc-v1 | sed -n '/"HostConfig"/,/^    }/p' | grep -oE '^ {8}  *"[A-Za-z]+"' | tr -d ' ' | grep -vE 'DNSNames|GwPriority|KernelMemory' | sort
docker image inspect bc-ev | grep -oE '^ {4}"[A-Za-z]+"' | sort
# Tables, JSON lines and what a format may say elsewhere.
docker ps --filter name=bc-v1 --format json | grep -oE '"[A-Za-z]+":' | sort
docker ps --filter name=bc-v1 --format '{{json .Names}} {{.ID | len}} {{.RunningFor}}'
docker ps --filter name=bc-v1 --format 'table {{.Names}}\t{{.RunningFor}}\t{{.State}}'
docker ps --filter name=bc-v1 --format '{{.Bogus}}'
docker ps --filter name=bc-v1 --format '{{.Names'
docker ps --filter name=bc-v1 --format ''  | wc -l
docker images --format json bc-ev:latest | grep -oE '"[A-Za-z]+":' | sort
docker images --format 'table' bc-ev:latest | wc -l
docker images -q --no-trunc bc-ev:latest
docker history --format json bc-ev | grep -oE '"[A-Za-z]+":' | sort
docker system df --format '{{.Type}}'
docker system df --format 'table {{.Type}}\t{{.Bogus}}' 2>&1 | tail -1 | cut -c1-60
docker info -f '{{.OSType}} {{.Architecture}} {{.NCPU}} {{.MemTotal}} {{.KernelVersion}} {{.Driver}} {{.CgroupDriver}} {{.CgroupVersion}} {{.LoggingDriver}}'
docker version -f '{{.Server.Os}} {{.Server.Arch}} {{.Server.KernelVersion}}'
docker stats --no-stream --format '{{.Name}} {{.PIDs}}' bc-v1
docker stats --no-stream bc-nosuch
docker stats --no-stream --format 'table {{.Name}}\t{{.PIDs}}' bc-v1 | head -1
docker rm -f bc-v1 >/dev/null; docker rmi bc-ev bc-ev:made | grep -c Untagged
