# Folders and files of the host in containers, with the same command lines on dockerd and on Berth; run by same-as.
docker rm -f bb-1 bb-2 >/dev/null 2>&1; true
docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' $BUSYBOX_TAR bb-img:latest >/dev/null
mkdir -p src/sub other; echo host > src/f; echo deep > src/sub/g
# What is no bind.
docker create --network none -v :/x bb-img
docker create --network none -v /x:/y:/z bb-img
docker create --network none -v /a:ro bb-img
docker create --network none -v /x: bb-img
docker create --network none -v $PWD/src:/d:foo bb-img
docker create --network none -v $PWD/src:/d:ro,rw bb-img
docker create --network none -v $PWD/src:/d:rshared,rslave bb-img
docker create --network none -v $PWD/src:rel bb-img
docker create --network none -v $PWD/src:/ bb-img
docker create --network none -v $PWD/src:/d:nocopy bb-img
docker create --network none -v $PWD/src:/d -v $PWD/other:/d/ bb-img
docker create --network none -v $PWD/src:/d --tmpfs /d bb-img
docker create --network none -v $PWD/src:/d --mount type=bind,src=$PWD/src,dst=/d bb-img
docker create --network none --mount type=bind,src=$PWD/none,dst=/d bb-img
docker create --network none --mount type=bind,src=$PWD/src/f/x,dst=/d bb-img
docker create --network none --mount type=bind,src=$PWD/src,dst=/ bb-img
docker create --network none --mount type=bind,src=$PWD/src,dst=rel bb-img
docker create --network none --mount type=bind,src=rel,dst=/d bb-img
docker create --network none --mount type=bind,dst=/d bb-img
docker create --network none --mount type=bind,src=$PWD/src bb-img
docker create --network none --mount type=bind,src=$PWD/src,dst=/d,bind-propagation=foo bb-img
docker create --network none --mount type=nothing,src=$PWD/src,dst=/d bb-img
# What is one, and how it is told.
docker create --network none --name bb-1 -v $PWD/src:/data -v $PWD/new:/made:z -v ./src/f:/etc/one/f:ro --mount type=bind,src=$PWD/src/,dst=/l/../m,ro,consistency=cached bb-img sleep 1000
docker inspect -f '{{range .HostConfig.Binds}}{{println .}}{{end}}' bb-1 | sort
docker inspect -f '{{json .HostConfig.Mounts}}' bb-1 | tr , '\n' | sort
docker inspect -f '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.Mode}} {{.RW}} {{.Propagation}}{{println}}{{end}}' bb-1 | sort
ls
docker diff bb-1
docker ps -a --no-trunc --filter name=bb-1 --format '{{.Mounts}}' | tr , '\n' | sort
docker ps -a --filter volume=/data --format '{{.Names}}'; docker ps -a --filter volume=$PWD/src/f --format '{{.Names}}'; docker ps -a --filter volume=/dat --format '{{.Names}}'
# Files in and out while it does not run, and while it runs.
docker cp bb-1:/data - | tar t | sort; docker cp bb-1:/m/sub/g - | tar xO
docker cp src/f bb-1:/data/up; ls src; rm src/up
docker cp src/f bb-1:/m/up
ls; docker diff bb-1 | sort
docker start bb-1
docker exec bb-1 sh -c 'cat /data/f /m/sub/g /etc/one/f; echo box > /data/box; echo x > /m/x; echo x > /etc/one/f; ls -a /made'; cat src/box
docker cp bb-1:/data - | tar t | sort; docker cp bb-1:/etc/one - | tar t | sort
docker cp src/f bb-1:/data/up; ls src; docker cp src/f bb-1:/m/up
docker diff bb-1 | sort; docker export bb-1 | tar t | grep -E '^(data|made|m|etc/one)'
docker commit bb-1 bb-made >/dev/null; docker run --rm --network none bb-made sh -c 'ls -A /data /made /m; cat /etc/one/f'; docker inspect -f '{{json .Config.Volumes}}' bb-made
docker restart -t 0 bb-1; docker exec bb-1 cat /data/f
docker rm -f bb-1; cat src/f
# Read-only roots, places in places, the engine's own files.
docker run --rm --network none --read-only -v $PWD/src:/new/data -v $PWD/src:/ro:ro bb-img sh -c 'touch /new/data/w && echo written; touch /ro/w; touch /x; touch /etc/hosts; touch /etc/hostname; touch /etc/resolv.conf; mkdir /newer'
docker run --rm --network none -v $PWD/src/sub:/t/a/b -v $PWD/other:/data/sub -v $PWD/src:/data --tmpfs /t bb-img sh -c 'find /data /t | sort'; ls src/sub other
docker run --rm --network none -v $PWD/src/f:/etc/hosts bb-img cat /etc/hosts
docker run --rm --network none -v $PWD/other:/etc bb-img ls /etc; ls other
docker run --rm --network none -v $PWD/src:/dev/shm -v $PWD/src:/sys bb-img sh -c 'ls /dev/shm /sys'
docker run --rm --network none -v $PWD/src:/bin/sh bb-img 2>&1 | grep -c 'not a directory'
docker run --rm --network none -v $PWD/src/f:/tmp bb-img 2>&1 | grep -c -i 'directory'
docker run --rm --network none -v $PWD/src:/d:rshared bb-img true 2>&1 | grep -v help
docker run --rm --network none -v $PWD/src:/d:slave bb-img true 2>&1 | grep -v help
docker create --network none --name bb-2 -v /:/host bb-img; docker inspect -f '{{range .Mounts}}{{.Source}} {{.Propagation}}{{end}}' bb-2; docker rm bb-2
docker rmi bb-made bb-img >/dev/null
