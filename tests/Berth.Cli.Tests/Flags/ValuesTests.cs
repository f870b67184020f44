using Berth.Cli.Flags;

namespace Berth.Cli.Tests.Flags;

public sealed class ValuesTests
{
    [Theory]
    [InlineData("64m", 64L << 20)]
    [InlineData("1.5g", 3L << 29)]
    [InlineData("10", 10)]
    [InlineData("2KiB", 2048)]
    [InlineData("0", 0)]
    public void Sizes(string text, long bytes) => Assert.Equal(bytes, Values.Bytes(text));

    [Theory]
    [InlineData("x")]
    [InlineData("")]
    [InlineData("5q")]
    [InlineData("-1m")]
    public void Bad_sizes(string text) => Assert.Equal($"invalid size: '{text}'", Assert.Throws<FlagValueException>(() => Values.Bytes(text)).Message);

    [Theory]
    [InlineData("1h30m", 5_400_000_000_000)]
    [InlineData("500ms", 500_000_000)]
    [InlineData("0", 0)]
    [InlineData("-2s", -2_000_000_000)]
    public void Durations(string text, long nanoseconds) => Assert.Equal(nanoseconds, Values.Duration(text));

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("h")]
    [InlineData("5x")]
    public void Bad_durations(string text) => Assert.Throws<FlagValueException>(() => Values.Duration(text));

    [Fact]
    public void Ulimits_and_devices_and_restart_policies()
    {
        Assert.Equal((10L, 20L), (Values.Ulimit("nofile=10:20").Soft, Values.Ulimit("nofile=10:20").Hard));
        Assert.Equal(7, Values.Ulimit("core=7").Hard);
        Assert.Throws<FlagValueException>(() => Values.Ulimit("nofile=30:20"));
        Assert.Equal(("/dev/a", "/dev/a", "r"), Device("/dev/a:r"));
        Assert.Equal(("/dev/a", "/dev/b", "rwm"), Device("/dev/a:/dev/b"));
        Assert.Equal(("on-failure", 3), (Values.Restart("on-failure:3").Name, Values.Restart("on-failure:3").MaximumRetryCount));
        Assert.Equal(500_000_000, Values.NanoCpus("0.5"));
    }

    private static (string, string, string) Device(string text)
    {
        Berth.Api.DeviceMapping device = Values.Device(text);
        return (device.PathOnHost, device.PathInContainer, device.CgroupPermissions);
    }
}
