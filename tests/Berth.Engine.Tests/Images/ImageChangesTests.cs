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
    public void One_change_may_be_several_lines() =>
        Assert.Equal(["A=b", "C=d e"], Apply("# first\nENV A=b\n\nENV C=\\\n\"d e\"\nUSER x").Env!);

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
    [InlineData("USER", ErrorKind.InvalidArgument, "USER requires exactly one argument")]
    [InlineData("ENV", ErrorKind.InvalidArgument, "ENV requires at least one argument")]
    [InlineData("", ErrorKind.InvalidArgument, "file with no instructions")]
    [InlineData("RUN ls", ErrorKind.InvalidArgument, "run is not a valid change command")]
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
    [InlineData("HEALTHCHECK bad", ErrorKind.InvalidArgument, "Unknown type \"BAD\" in HEALTHCHECK (try CMD)")]
    [InlineData("HEALTHCHECK", ErrorKind.InvalidArgument, "HEALTHCHECK requires at least one argument")]
    [InlineData("HEALTHCHECK --bad=1 CMD x", ErrorKind.InvalidArgument, "Unknown flag: bad")]
    [InlineData("HEALTHCHECK --interval=0 CMD x", ErrorKind.InvalidArgument, "Interval \"interval\" cannot be less than 1ms")]
    [InlineData("HEALTHCHECK --interval=1us CMD x", ErrorKind.InvalidArgument, "Interval \"interval\" cannot be less than 1ms")]
    [InlineData("HEALTHCHECK --retries=0 CMD x", ErrorKind.InvalidArgument, "--retries must be at least 1 (not 0)")]
    [InlineData("HEALTHCHECK --retries=x CMD x", ErrorKind.InvalidArgument, "strconv.ParseInt: parsing \"x\": invalid syntax")]
    [InlineData("HEALTHCHECK CMD", ErrorKind.InvalidArgument, "Missing command after HEALTHCHECK CMD")]
    [InlineData("HEALTHCHECK NONE x", ErrorKind.InvalidArgument, "HEALTHCHECK NONE takes no arguments")]
    [InlineData("ONBUILD", ErrorKind.InvalidArgument, "ONBUILD requires at least one argument")]
    [InlineData("ONBUILD ONBUILD RUN x", ErrorKind.InvalidArgument, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    [InlineData("ONBUILD FROM x", ErrorKind.InvalidArgument, "FROM isn't allowed as an ONBUILD trigger")]
    public void Errors_name_the_fault(string change, ErrorKind kind, string part)
    {
        var error = Assert.Throws<EngineException>(() => Apply(change));
        Assert.Equal(kind, error.Kind);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("HEALTHCHECK NONE", """{"Test":["NONE"]}""")]
    [InlineData("HEALTHCHECK --interval=5s --retries=2 CMD true", """{"Test":["CMD-SHELL","true"],"Interval":5000000000,"Retries":2}""")]
    [InlineData("""HEALTHCHECK CMD ["a","b"]""", """{"Test":["CMD","a","b"]}""")]
    [InlineData("HEALTHCHECK --start-period=1m CMD a b", """{"Test":["CMD-SHELL","a b"],"StartPeriod":60000000000}""")]
    public void Health_checks(string change, string expected) => Assert.Equal(expected, Apply(change).Other!["Healthcheck"].GetRawText());

    [Fact]
    public void Triggers_add_up() => Assert.Equal("""["RUN x","add a b"]""", Apply("ONBUILD RUN x", "onbuild add a b").Other!["OnBuild"].GetRawText());

    [Fact]
    public void An_entrypoint_takes_an_older_command_away()
    {
        var start = new ImageRunConfig { Cmd = ["old"] };
        Assert.Null(ImageChanges.Apply(start, ["ENTRYPOINT x"]).Cmd);
        Assert.Equal(["new"], ImageChanges.Apply(start, ["CMD [\"new\"]", "ENTRYPOINT x"]).Cmd!);
        Assert.Equal(["/bin/sh", "-c"], Apply("CMD").Cmd!);
    }

    [Theory]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("-1.5s", -1_500_000_000)]
    [InlineData("0", 0)]
    [InlineData("300ms", 300_000_000)]
    public void Durations(string text, long nanoseconds)
    {
        Assert.True(GoDuration.TryParse(text, out long found));
        Assert.Equal(nanoseconds, found);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("5x")]
    [InlineData("s")]
    [InlineData("9999999h9")]
    public void Other_texts_are_no_durations(string text) => Assert.False(GoDuration.TryParse(text, out _));
}
