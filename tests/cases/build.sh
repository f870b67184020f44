docker builder prune -af >/dev/null
docker import -c 'CMD ["/bin/sh"]' -c 'ENV PATH=/bin' $BUSYBOX_TAR img:latest >/dev/null
b() { docker build -q -t t . 2>&1 >/dev/null | grep -v -E 'DEPRECATED|BuildKit is|environment-var|^$'; }
mkdir c && cd c && mkdir -p d/sub d/deep/er && echo 1 > d/one && echo 2 > d/sub/two && chmod 700 d/sub && chmod 755 d/one && ln -s one d/link && ln -s /etc/passwd d/abs && echo x > x.txt && echo y > y.txt && touch -d 2001-02-03 x.txt
printf 'FROM img\nRUN mkdir -m 1777 /there && mkdir -m 750 /there/sub && chown 5:6 /there/sub && ln -s /there /to && mkdir -m 711 /full && echo old > /full/one\nCOPY d /there\nCOPY d/ /new/\nCOPY d /full\nRUN find /there /new /full -exec stat -c "%%n %%a %%u:%%g %%F" {} + | sort > /o\n' > Dockerfile; b; docker run --rm t cat /o
printf 'FROM img\nRUN mkdir -m 1777 /there && ln -s /there /to && ln -s nowhere /dang && mkdir -m 700 /p && chown 7:8 /p\nCOPY x.txt /to\nCOPY x.txt y.txt /to/\nCOPY x.txt /dang\nCOPY x.txt /p/q/r/\nCOPY x.txt /p/s\nRUN find /there /p /nowhere -exec stat -c "%%n %%a %%u:%%g %%F" {} + | sort > /o; stat -c %%Y /there/x.txt >> /o\n' > Dockerfile; b; docker run --rm t cat /o
printf 'FROM img\nCOPY d/link /l1\nCOPY d/link d/one /l2/\nCOPY d/l* d/o* /l3/\nCOPY [x]*.txt /l4/\nCOPY d/*/two /l5/\nRUN find /l1 /l2 /l3 /l4 /l5 -exec stat -c "%%n %%a %%F" {} + | sort > /o\n' > Dockerfile; b; docker run --rm t cat /o
printf 'FROM img\nCOPY x.txt y.txt /many\n' > Dockerfile; b
printf 'FROM img\nCOPY nosuch* /many/\n' > Dockerfile; b
printf 'FROM img\nRUN echo g:x:77: >> /etc/group && echo u:x:55:77::/:/bin/sh >> /etc/passwd\nCOPY --chown=u x.txt /1\nCOPY --chown=u:5 x.txt /2\nCOPY --chown=9 d /3/\nCOPY --chown=:g x.txt /4\nRUN find /1 /2 /3 -exec stat -c "%%n %%a %%u:%%g" {} + | sort > /o\n' > Dockerfile; b; docker run --rm t cat /o
printf 'FROM img\nCOPY --chown=nosuch x.txt /1\n' > Dockerfile; b
mkdir a && mkdir -p r/usr/deep && echo in > r/usr/deep/f && chown 3:4 r/usr/deep/f && ln -s deep r/usr/l && tar -C r -cf a/1.tar usr && tar -C r -czf a/2.tar.gz usr && tar -C r -cJf a/3.tar.xz usr && tar -C r -cjf a/4.tar.bz2 usr && cp x.txt a/5.tar && rm -r r
printf 'FROM img\nADD a/1.tar /1\nADD a/2.tar.gz /2\nADD a/3.tar.xz /3/\nADD a/4.tar.bz2 /4\nADD a/5.tar /5\nADD --chown=1:2 a/1.tar /6\nADD a /7\nRUN find /1 /2 /3 /4 /5 /6 /7 -exec stat -c "%%n %%a %%u:%%g %%F" {} + | sort > /o\n' > Dockerfile; b; docker run --rm t cat /o
printf 'FROM img\nRUN mkdir -p /w && ln -s /w /s\nWORKDIR /s/x\nRUN pwd > /o; stat -c "%%a %%u:%%g" /w/x >> /o\nUSER 1:2\nWORKDIR y\nRUN stat -c "%%a %%u:%%g" . >> /tmp/o || id\n' > Dockerfile; docker build -q -t t . 2>&1 | grep -c sha256; docker run --rm -u 0 t cat /o
printf 'FROM img\nENV A=1\nRUN env | sort | grep -v HOSTNAME\nRUN id; pwd; echo out\n' > Dockerfile; docker build --no-cache --build-arg HTTP_PROXY=http://p --build-arg NOT=used -t t . 2>&1 | grep -v -E 'DEPRECATED|BuildKit is|environment-var|^$|Sending|Running in|Removing|--->'
printf 'FROM img AS base\nENV X=1\nONBUILD ENV Y=2\nONBUILD COPY x.txt /\nCMD ["sh","-c","echo $X$Y"]\n' > Dockerfile; docker build -q -t onb . >/dev/null 2>&1; printf 'FROM onb\nRUN echo $Y > /y\n' > Dockerfile; b; docker run --rm t; docker run --rm t cat /y /x.txt; docker inspect -f '{{json .Config.OnBuild}} {{json .Config.Env}}' t onb
printf 'FROM img\nLABEL a=1\n' > Dockerfile; docker build -q --label b=2 --label a=3 -t t . >/dev/null 2>&1; docker inspect -f '{{json .Config.Labels}}' t
printf 'FROM img\nHEALTHCHECK --interval=90s --timeout=1m30s --start-period=500ms --retries=3 CMD ["true"]\nSHELL ["/bin/sh","-e","-c"]\nONBUILD RUN x\nEXPOSE 1-3/udp\nLABEL "q w"="e r" z=1\nENV a=b c="d e"\nARG v=1\nARG w\nRUN echo $v\nENTRYPOINT []\nCMD x y\nSTOPSIGNAL 9\nVOLUME /a /b\nUSER me:you\n' > Dockerfile; docker build -q -t t . >/dev/null 2>&1; docker history --no-trunc --format '{{.CreatedBy}}' t; docker inspect -f '{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.OnBuild}}' t
printf 'FROM img\nRUN true\nRUN echo a > /a\n' > Dockerfile; docker build -q -t t . >/dev/null 2>&1; docker history --format '{{.CreatedBy}} {{.Size}}' t; docker inspect -f '{{len .RootFS.Layers}}' t
printf 'FROM img\nCOPY x.txt /\n' > Dockerfile; b; touch x.txt; docker build -t t . 2>/dev/null | grep -c 'Using cache'; chmod 600 x.txt; docker build -t t . 2>/dev/null | grep -c 'Using cache'; echo z > x.txt; docker build -t t . 2>/dev/null | grep -c 'Using cache'
printf 'FROM img\nRUN kill -9 $$\n' > Dockerfile; b; 
printf 'FROM img\nUSER nosuch\nRUN id\n' > Dockerfile; b | tail -1
docker build -q --target nosuch . 2>&1 | tail -1; docker build -t 'BAD' . 2>&1 | tail -1; docker build -f nosuch . 2>&1 | tail -1 | sed 's#/.*/##'
docker rmi -f t onb >/dev/null; docker image prune -f >/dev/null
