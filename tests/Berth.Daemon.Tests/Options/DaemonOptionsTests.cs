using Berth.Daemon.Options;
using Berth.Daemon.Tests.Support;
using Berth.Model;

namespace Berth.Daemon.Tests.Options;

public sealed class DaemonOptionsTests : IDisposable
{
    private readonly string file = Path.GetTempFileName();

    public void Dispose() => File.Delete(file);

    [Fact]
    public void Defaults()
    {
        DaemonOptions options = Parse("{}");
        Assert.Equal(("/var/lib/berth", "/run/berth", false), (options.DataRoot, options.ExecRoot, options.Debug));
        Assert.Equal([DaemonOptions.DefaultHost], options.Hosts);
    }

    [Fact]
    public void Flags_in_both_forms()
    {
        DaemonOptions options = Parse("{}", "--data-root=/d", "--exec-root", "/e", "-D", "-p", "/p", "-H", "unix:///a", "--host=tcp://127.0.0.1:1", "--bridge", "none");
        Assert.Equal(("/d", "/e", "/p", "none", true), (options.DataRoot, options.ExecRoot, options.PidFile, options.Bridge, options.Debug));
        Assert.Equal(["unix:///a", "tcp://127.0.0.1:1"], options.Hosts);
    }

    [Fact]
    public void The_file_counts_where_no_flag_is()
    {
        const string json = """{"data-root":"/fd","exec-root":"/fe","debug":true,"hosts":["unix:///f"],"pidfile":"/fp"}""";
        DaemonOptions options = Parse(json);
        Assert.Equal(("/fd", "/fe", "/fp", true), (options.DataRoot, options.ExecRoot, options.PidFile, options.Debug));
        Assert.Equal(["unix:///f"], options.Hosts);
        Assert.False(options.Init);
        Assert.Equal((true, true, false), (Parse("""{"init":true}""").Init, Parse(json, "--init").Init, Parse("""{"init":true}""", "--init=false").Init));
        options = Parse(json, "--data-root", "/d", "--debug=false", "-H", "unix:///a");
        Assert.Equal(("/d", "/fe", false), (options.DataRoot, options.ExecRoot, options.Debug));
        Assert.Equal(["unix:///a"], options.Hosts);
    }

    [Theory]
    [InlineData("unknown flag: --nope", "--nope")]
    [InlineData("unknown flag: run", "run")]
    [InlineData("flag needs an argument: --data-root", "--data-root")]
    [InlineData("flag needs an argument: -H", "-H")]
    [InlineData("data-root must not be empty", "--data-root=")]
    [InlineData("debug must be true or false, got \"maybe\"", "--debug=maybe")]
    [InlineData("init must be true or false, got \"2\"", "--init=2")]
    [InlineData("invalid host \"here\"", "-H", "here")]
    public void Wrong_flags_are_named(string message, params string[] args) => Refusal.Of(ErrorKind.InvalidArgument, message, () => Parse("{}", args));

    [Fact]
    public void The_default_networks_bridge_can_be_chosen()
    {
        DaemonOptions options = Parse("""{"bip":"10.5.0.1/24"}""", "--bridge", "br0", "--mtu=1400");
        Assert.Equal(("br0", "10.5.0.1/24", 1400), (options.Bridge, options.BridgeAddress, options.Mtu));
        Refusal.Of(ErrorKind.InvalidArgument, "at most 15 characters", () => Parse("{}", "--bridge", "a-name-that-is-too-long"));
        Refusal.Of(ErrorKind.InvalidArgument, "invalid MTU: 5", () => Parse("{}", "--mtu", "5"));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("""{"hosts":"unix:///a"}""")]
    [InlineData("""{"hosts":[1]}""")]
    public void A_broken_file_is_named(string json) => Refusal.Of(ErrorKind.InvalidArgument, file, () => Parse(json));

    [Theory]
    [InlineData("""{"colour":"red"}""", "colour")]
    [InlineData("""{"debug":1}""", "debug")]
    [InlineData("""{"exec-root":""}""", "exec-root")]
    public void A_wrong_member_is_named(string json, string name) => Refusal.Of(ErrorKind.InvalidArgument, name, () => Parse(json));

    [Fact]
    public void A_file_that_was_asked_for_has_to_be_there() =>
        Refusal.Of(ErrorKind.InvalidArgument, "/nonexistent/daemon.json", static () => DaemonOptions.Parse(["--config-file", "/nonexistent/daemon.json"]));

    private DaemonOptions Parse(string json, params string[] args)
    {
        File.WriteAllText(file, json);
        return DaemonOptions.Parse(["--config-file", file, .. args]);
    }
}
