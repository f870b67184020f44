using Berth.Daemon.Mapping;

namespace Berth.Daemon.Tests.Mapping;

public sealed class HumanDurationTests
{
    [Theory]
    [InlineData(-5, "Less than a second")]
    [InlineData(0.9, "Less than a second")]
    [InlineData(1.9, "1 second")]
    [InlineData(2, "2 seconds")]
    [InlineData(59.9, "59 seconds")]
    [InlineData(60, "About a minute")]
    [InlineData(119, "About a minute")]
    [InlineData(120, "2 minutes")]
    [InlineData(3599, "59 minutes")]
    [InlineData(3600, "About an hour")]
    [InlineData(89 * 60, "About an hour")]
    [InlineData(91 * 60, "2 hours")]
    [InlineData(47 * 3600, "47 hours")]
    [InlineData(48 * 3600, "2 days")]
    [InlineData(13.9 * 86400, "13 days")]
    [InlineData(14 * 86400, "2 weeks")]
    [InlineData(59 * 86400, "8 weeks")]
    [InlineData(60 * 86400, "2 months")]
    [InlineData(729 * 86400, "24 months")]
    [InlineData(730 * 86400, "2 years")]
    public void Durations_have_one_unit(double seconds, string expected) => Assert.Equal(expected, HumanDuration.Describe(TimeSpan.FromSeconds(seconds)));
}
