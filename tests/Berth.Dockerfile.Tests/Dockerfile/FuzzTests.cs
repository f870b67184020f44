using System.Text;
using Berth.Dockerfile;
using Berth.Dockerfile.Instructions;
using Berth.Dockerfile.Linting;
using Berth.Dockerfile.Ignore;

namespace Berth.Dockerfile.Tests.Dockerfile;

/// <summary>Whatever a file holds, it is read or refused: no other error comes out. The changes follow from the number of the round.</summary>
public sealed class FuzzTests
{
    private const int Rounds = 2000;

    private const string Sample = """
        # syntax=docker/dockerfile:1
        # escape=\
        # check=skip=StageNameCasing;error=false
        ARG V=1 W="a b"
        FROM --platform=$BUILDPLATFORM img:${V:-2} AS Base
        ENV A=${V:+x} B="q $A" C='r' D=\ e
        ENV old value ${A#x*}
        RUN --mount=type=cache,target=/c,"id=a,b" --network=none echo \
          # comment

          $A
        RUN <<EOF
        echo $A
        EOF
        COPY --from=0 --chown=1:2 <<-"X" ["a b", "c"] /d/
        	text
        X
        ADD --checksum=sha256:00 http://h/x${V%/*} /x
        HEALTHCHECK --interval=5s --retries=3 CMD ["true"]
        EXPOSE 80 8000-8002/udp ${V//1/2}
        VOLUME ["/v", "/w"]
        LABEL a=b "c d"="e f"
        ONBUILD RUN <<E
        x
        E
        SHELL ["/bin/sh", "-c"]
        FROM base
        WORKDIR ${V:?gone}
        USER $V
        STOPSIGNAL 9
        CMD ["a", "\u0041"]
        ENTRYPOINT echo
        """;

    private static readonly string[] Parts = ["$", "${", "}", "\"", "'", "\\", "`", "\n", "\\\n", "<<", "<<E", "[", "]", "\0", "\t", "#", "=", ":", "/", "*", "?", "--", ",", "é", "😀", "\r\n", "ONBUILD ", "RUN ", "FROM "];

    [Fact]
    public void ChangedFilesAreReadOrRefused()
    {
        byte[] sample = Encoding.UTF8.GetBytes(Sample);
        int read = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] changed = Change(sample, new Random(round));
            try
            {
                ParsedDockerfile file = InstructionReader.Read(changed);
                read++;
                DockerfileLinter.Check(file);
                TestFile.Expand(file);
            }
            catch (DockerfileException)
            {
                // refused
            }
        }

        Assert.InRange(read, 1, Rounds);
    }

    [Fact]
    public void ChangedPatternsAreReadOrRefused()
    {
        byte[] sample = "*.txt\n!a/b/**\n**/x[a-z]?\n# c\n\\!d\n"u8.ToArray();
        for (int round = 0; round < Rounds; round++)
        {
            try
            {
                new IgnoreMatcher(IgnoreFile.Read(Change(sample, new Random(round)))).IsIgnored("a/b/😀x.txt");
            }
            catch (IgnoreException)
            {
                // refused
            }
        }
    }

    private static byte[] Change(byte[] sample, Random random)
    {
        List<byte> bytes = [.. sample];
        for (int i = random.Next(1, 6); i > 0; i--)
        {
            int at = random.Next(bytes.Count);
            int length = Math.Min(random.Next(1, 20), bytes.Count - at);
            switch (random.Next(4))
            {
                case 0:
                    bytes.RemoveRange(at, Math.Min(length, bytes.Count - 1));
                    break;
                case 1:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Parts[random.Next(Parts.Length)]));
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                default:
                    bytes.InsertRange(random.Next(bytes.Count), bytes.GetRange(at, length));
                    break;
            }
        }

        return [.. bytes];
    }
}
