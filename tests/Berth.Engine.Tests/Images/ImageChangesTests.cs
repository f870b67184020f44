using Berth.Engine.Images;
using Berth.Model;
using Berth.Model.Oci.Image;

namespace Berth.Engine.Tests.Images;

public sealed class ImageChangesTests
{
    private static ImageRunConfig Apply(params string[] changes) => ImageChanges.Apply(changes);

    [Theory]
    [InlineData("""CMD ["a", "b c"]""", "a|b c")]
    [InlineData("cmd echo  $HOME", "/bin/sh|-c|echo  $HOME")]
    [InlineData("CMD [broken", "/bin/sh|-c|[broken")]
    [InlineData("CMD [1, 2]", "/bin/sh|-c|[1, 2]")]
    [InlineData("  CMD\tls ", "/bin/sh|-c|ls")]
    public void Commands(string change, string expected) => Assert.Equal(expected.Split('|'), Apply(change).Cmd!);

    [Fact]
    public void The_last_of_an_instruction_wins()
    {
        ImageRunConfig config = Apply("ENTRYPOINT [\"/a\"]", "ENTRYPOINT [\"/b\"]", "USER x", "USER y:z", "STOPSIGNAL INT");
        Assert.Equal(["/b"], config.Entrypoint!);
        Assert.Equal("y:z", config.User);
        Assert.Equal("INT", config.StopSignal);
    }

    [Fact]
    public void A_relative_folder_is_below_the_one_before()
    {
        Assert.Equal("/srv/app", Apply("WORKDIR /srv", "WORKDIR app").WorkingDir);
        Assert.Equal("/app", Apply("WORKDIR app").WorkingDir);
    }

    [Theory]
    [InlineData("ENV A=1 B=2", "A=1|B=2")]
    [InlineData("ENV A one two", "A=one two")]
    [InlineData("ENV A=\"one two\" B='x\\y' C=x\\ y", "A=one two|B=x\\y|C=x y")]
    [InlineData("ENV A=", "A=")]
    [InlineData("ENV A=b=c", "A=b=c")]
    [InlineData("ENV A \"b c\"", "A=b c")]
    [InlineData("ENV A \"b c\" d", "A=b c d")]
    [InlineData("ENV A 'x  y'", "A=x  y")]
    [InlineData("ENV A b\\ c", "A=b c")]
    [InlineData("ENV A   b   c", "A=b   c")]
    [InlineData("ENV A \\\"b", "A=\"b")]
    [InlineData("ENV A=\"x\"y", "A=xy")]
    [InlineData("ENV A=$B", "A=")]
    [InlineData("ENV A='$B'", "A=$B")]
    public void Environment(string change, string expected) => Assert.Equal(expected.Split('|'), Apply(change).Env!);

    [Fact]
    public void Variables_of_earlier_changes_are_put_in() =>
        Assert.Equal(["B=1", "A=1-1-$"], Apply("ENV B=1", "ENV A=$B-${B}-\\$").Env!);

    [Fact]
    public void Environments_are_merged() => Assert.Equal(["A=3", "B=2"], Apply("ENV A=1 B=2", "ENV A=3").Env!);

    [Fact]
    public void Labels()
    {
        Dictionary<string, string> labels = Apply("LABEL a=1 \"b c\"=\"d e\"", "LABEL a=2", "LABEL old form").Labels!;
        Assert.Equal(new Dictionary<string, string> { ["a"] = "2", ["b c"] = "d e", ["old"] = "form" }, labels);
    }

    [Fact]
    public void Ports_get_their_protocol() => Assert.Equal(["53/udp", "80/tcp"], Apply("EXPOSE 80 53/UDP", "EXPOSE 80/tcp").ExposedPorts!.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("EXPOSE 80-82", "80/tcp|81/tcp|82/tcp")]
    [InlineData("EXPOSE 80 81-82/udp", "80/tcp|81/udp|82/udp")]
    [InlineData("EXPOSE 8080:80", "80/tcp")]
    [InlineData("EXPOSE 1.2.3.4:80:90", "90/tcp")]
    [InlineData("EXPOSE 0", "0/tcp")]
    public void Port_ranges(string change, string expected) => Assert.Equal(expected.Split('|'), Apply(change).ExposedPorts!.Keys.Order(StringComparer.Ordinal));

    [Fact]
    public void A_range_of_eleven() => Assert.Equal(11, Apply("EXPOSE 8000-8010/tcp").ExposedPorts!.Count);

    [Theory]
    [InlineData("VOLUME /a /b", "/a|/b")]
    [InlineData("""VOLUME ["/a b"]""", "/a b")]
    [InlineData("VOLUME [x", "[x")]
    public void Volumes(string change, string expected) => Assert.Equal(expected.Split('|'), Apply(change).Volumes!.Keys.Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("CMD", ErrorKind.InvalidArgument, "CMD requires")]
    [InlineData("", ErrorKind.InvalidArgument, "requires")]
    [InlineData("RUN ls", ErrorKind.InvalidArgument, "RUN is not")]
    [InlineData("ENV A", ErrorKind.InvalidArgument, "ENV must have two")]
    [InlineData("ENV A=1 B", ErrorKind.InvalidArgument, "\"B\"")]
    [InlineData("EXPOSE 65536", ErrorKind.InvalidArgument, "Invalid containerPort: 65536")]
    [InlineData("EXPOSE 80/icmp", ErrorKind.InvalidArgument, "Invalid proto: icmp")]
    [InlineData("EXPOSE 10-5", ErrorKind.InvalidArgument, "Invalid containerPort: 10-5")]
    [InlineData("EXPOSE 1-2-3", ErrorKind.InvalidArgument, "Invalid containerPort: 1-2-3")]
    [InlineData("EXPOSE a:80", ErrorKind.InvalidArgument, "Invalid hostPort: a")]
    [InlineData("EXPOSE x:1:80", ErrorKind.InvalidArgument, "Invalid ip address: x")]
    [InlineData("ENV A=\"x", ErrorKind.InvalidArgument, "matching double-quote")]
    [InlineData("ENV A 'x", ErrorKind.InvalidArgument, "matching single-quote")]
    [InlineData("ENV =b", ErrorKind.InvalidArgument, "ENV names can not be blank")]
    [InlineData("ENV A=${B:-c}", ErrorKind.NotImplemented, "${B:-c}")]
    [InlineData("HEALTHCHECK NONE", ErrorKind.NotImplemented, "HEALTHCHECK")]
    [InlineData("ONBUILD RUN ls", ErrorKind.NotImplemented, "ONBUILD")]
    public void Errors_name_the_fault(string change, ErrorKind kind, string part)
    {
        var error = Assert.Throws<EngineException>(() => Apply(change));
        Assert.Equal(kind, error.Kind);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
