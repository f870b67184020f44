# The same command lines on dockerd and on Berth; run by same-as. No line may depend on networks, registries, or words that dockerd has changed since 20.10.
docker rm -f bc-i1 bc-i2 >/dev/null 2>&1; docker rmi -f bc-img bc-img:two bc-other/name:1.0 bc-made bc-tar bc-child >/dev/null 2>&1; true
# import: changes, a message, standard input, wrong instructions.
docker import -m 'first message' -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin A="b c"' -c 'LABEL bk=bv k2="v 2"' -c 'WORKDIR /w' -c 'USER 7' -c 'VOLUME /vol' $BUSYBOX_TAR bc-img | cut -c1-7
docker inspect -f '{{.Comment}}|{{json .Config.Env}}|{{json .Config.Labels}}|{{.Config.WorkingDir}}|{{.Config.User}}|{{json .Config.Volumes}}' bc-img
docker history --format '{{.Comment}} {{.CreatedBy}}' bc-img
docker history --no-trunc --format '{{.ID}}' bc-img | wc -l
docker import -c 'FROM x' $BUSYBOX_TAR bc-tar 2>&1 | tail -1
docker import -c 'BOGUS x' $BUSYBOX_TAR bc-tar 2>&1 | tail -1
docker import - bc-tar < $BUSYBOX_TAR | cut -c1-7
docker import $BUSYBOX_TAR Bad:name 2>&1 | tail -1
docker image inspect -f '{{.RepoTags}} {{.RepoDigests}} {{.Author}} {{.Os}}' bc-tar
docker rmi bc-tar | grep -c Untagged
# Names: tag, several tags, a name with a folder, a port, a digest.
docker tag bc-img bc-img:two; docker tag bc-img bc-other/name:1.0
docker tag bc-img localhost:5000/bc-x:y; docker images --format '{{.Repository}} {{.Tag}}' localhost:5000/bc-x; docker rmi localhost:5000/bc-x:y
docker tag bc-img bc-img@sha256:0000000000000000000000000000000000000000000000000000000000000000
docker tag bc-img 'bad name'
docker tag bc-img ''
docker tag bc-img -x
docker tag bc-nosuch bc-y
docker images --format '{{.Repository}}:{{.Tag}}' --filter 'reference=bc-i*' | sort
docker images --format '{{.Repository}}:{{.Tag}}' --filter 'reference=bc-*:two'
docker images --format '{{.Repository}}:{{.Tag}}' --filter 'reference=bc-*/*' | sort
docker images --format '{{.Repository}}:{{.Tag}}' 'bc-img'| sort
docker images --format '{{.Repository}}:{{.Tag}}' 'bc-img:two'
docker images -q bc-img bc-x
docker images --filter label=bk=bv --format '{{.Repository}}:{{.Tag}}' | grep bc- | sort
docker images --filter label=bk=other -q
docker images --filter label=nosuch -q
docker images --filter before=bc-nosuch -q
docker images --filter since=bc-nosuch -q
docker images --filter bogus=1
docker images --filter dangling=maybe 2>&1 | tr I i
docker images --format 'table {{.Repository}}\t{{.Tag}}' bc-img
docker images --format '{{json .Repository}} {{upper .Tag}} {{.Digest}}' bc-img:two
# rmi: tags before the image, by id with several tags, with containers that stand and run.
docker rmi bc-img:two
docker rmi bc-nosuch bc-nosuch:two
docker rmi $(docker inspect -f '{{.Id}}' bc-img) 2>&1 | sed 's/[0-9a-f]\{12\}/ID/g'
docker create --network none --name bc-i1 bc-img true >/dev/null; docker rmi bc-img 2>&1 | sed 's/[0-9a-f]\{12\}/ID/g'; docker rmi bc-other/name:1.0 2>&1 | grep -v Deleted
docker rmi bc-img 2>&1 | sed 's/[0-9a-f]\{12\}/ID/g'
docker rm bc-i1; docker run -d --network none --user 0 -w / --name bc-i2 bc-other/name:1.0 sleep 100 >/dev/null; docker rmi bc-other/name:1.0 2>&1 | sed 's/[0-9a-f]\{12\}/ID/g'
docker rmi -f $(docker inspect -f '{{.Id}}' bc-other/name:1.0) 2>&1 | sed 's/[0-9a-f]\{12\}/ID/g'
docker rmi -f bc-img
docker ps --filter name=bc-i2 --format '{{.Names}} {{.State}}'
docker images -q --filter label=bk=bv --filter dangling=true | wc -l
docker rm -f bc-i2; docker images -q --filter label=bk=bv | xargs -r docker rmi -f >/dev/null; docker import -c 'CMD ["/bin/sh"]' $BUSYBOX_TAR bc-img >/dev/null
# commit: every change instruction, author, of a stopped and of a running container; children keep their parent.
docker run -d --network none --name bc-i1 bc-img sleep 100 >/dev/null; docker exec bc-i1 sh -c 'echo x >/new; rm -r /root'
docker commit -a 'me <me@x>' -m 'a message' -c 'CMD echo hi' -c 'ENTRYPOINT ["/bin/sh","-c"]' -c 'ENV X=1 Y=2' -c 'EXPOSE 80/tcp 81/udp' -c 'LABEL a=b' -c 'ONBUILD RUN x' -c 'USER nobody' -c 'VOLUME ["/a","/b"]' -c 'WORKDIR /tmp' -c 'HEALTHCHECK CMD true' bc-i1 bc-made:1 >/dev/null
docker inspect -f '{{.Author}}|{{.Comment}}|{{json .Config.Cmd}}|{{json .Config.Entrypoint}}|{{json .Config.Env}}|{{json .Config.ExposedPorts}}|{{json .Config.Labels}}|{{json .Config.OnBuild}}|{{.Config.User}}|{{json .Config.Volumes}}|{{.Config.WorkingDir}}|{{json .Config.Healthcheck}}' bc-made:1
docker commit --pause=false bc-i1 bc-made:2 >/dev/null; docker inspect -f '{{json .Config.Cmd}} {{len .RootFS.Layers}}' bc-made:2
docker commit -c 'RUN x' bc-i1 bc-made:3
docker commit -c 'CMD [' bc-i1 | wc -l
docker commit bc-i1 Bad
docker commit bc-nosuch
docker history --format '{{.CreatedBy}}|{{.Comment}}' bc-made:1
docker run --rm --network none bc-made:1 'cat /new; ls -d /root; id -un; pwd; echo $X$Y'
docker rmi bc-img 2>&1 | sed 's/[0-9a-f]\{12\}/ID/g'
docker rm -f bc-i1; docker rmi bc-made:1 bc-made:2 | grep -c Untagged
# save and load: one file of several names, by id, gzip, standard input, what is no archive.
docker tag bc-img bc-other/name:1.0
docker save bc-img bc-other/name:1.0 > s.tar; tar -xOf s.tar manifest.json | tr ',' '\n' | grep -c 'bc-'
docker save -o id.tar $(docker inspect -f '{{.Id}}' bc-img); tar -xOf id.tar manifest.json | grep -o '"RepoTags":[^,]*'
docker save bc-nosuch >/dev/null
docker save -o /nonexistent/x bc-img
docker rmi bc-img bc-other/name:1.0 | grep -c Untagged
gzip -c s.tar | docker load | sort
docker load -q < s.tar | sort
docker load -i nosuch.tar
echo junk | docker load 2>&1 | cut -c1-40
head -c 30000 s.tar | docker load 2>&1 | cut -c1-30
docker run --rm --network none bc-img echo loaded
docker inspect bc-nosuch
docker image inspect bc-nosuch bc-img -f '{{.RepoTags}}' 2>&1 | sed 's/no such image: bc-nosuch: //'
docker history bc-nosuch
docker image rm bc-img bc-other/name:1.0 | grep -c Untagged
docker import -c 'LABEL bc=prune' $BUSYBOX_TAR >/dev/null; docker image prune -f --filter label=bc=prune | grep -c '^deleted'
docker image prune -f --filter bogus=1
docker image prune -f --filter until=x
