using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Ipam;

public sealed class SubnetTests
{
    [Theory]
    [InlineData("10.99.2.0/24", "10.99.2.0", "10.99.2.255", true, true)]
    [InlineData("10.99.2.4/30", "10.99.2.4", "10.99.2.7", true, true)]
    [InlineData("10.99.2.4/31", "10.99.2.4", "10.99.2.5", false, false)]
    [InlineData("10.99.2.4/32", "10.99.2.4", "10.99.2.4", false, false)]
    [InlineData("0.0.0.0/0", "0.0.0.0", "255.255.255.255", true, true)]
    [InlineData("fd99::/64", "fd99::", "fd99::ffff:ffff:ffff:ffff", true, false)]
    [InlineData("fd99::/127", "fd99::", "fd99::1", false, false)]
    [InlineData("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, false)]
    public void EndsAreKnown(string text, string first, string last, bool reservesFirst, bool reservesLast)
    {
        Subnet subnet = Subnet.Parse(text);
        Assert.Equal((text, first, last), (subnet.ToString(), subnet.Address.ToString(), subnet.Last.ToString()));
        Assert.Equal((reservesFirst, reservesLast), (subnet.ReservesFirst, subnet.ReservesLast));
        Assert.Equal(subnet.Address, subnet.At(0));
        Assert.Equal(subnet.Last, subnet.At(subnet.Last.Value - subnet.Address.Value));
        Assert.True(subnet.Range.Contains(subnet.Last));
        Assert.Throws<ArgumentOutOfRangeException>(() => Subnet.Parse("10.0.0.0/24").At(256));
    }

    [Theory]
    [InlineData("10.99.2.0", "invalid subnet 10.99.2.0: invalid CIDR block notation")]
    [InlineData("10.99.2.0/33", "invalid subnet 10.99.2.0/33: invalid CIDR block notation")]
    [InlineData("fd00::/129", "invalid subnet fd00::/129: invalid CIDR block notation")]
    [InlineData("10.99.2/24", "invalid subnet 10.99.2/24: invalid CIDR block notation")]
    [InlineData("10.99.2.0/024", "invalid subnet 10.99.2.0/024: invalid CIDR block notation")]
    [InlineData("10.99.2.0/+24", "invalid subnet 10.99.2.0/+24: invalid CIDR block notation")]
    [InlineData("10.99.2.0/", "invalid subnet 10.99.2.0/: invalid CIDR block notation")]
    [InlineData("10.99.2.0/24/24", "invalid subnet 10.99.2.0/24/24: invalid CIDR block notation")]
    [InlineData("foo", "invalid subnet foo: invalid CIDR block notation")]
    [InlineData("", "invalid subnet : invalid CIDR block notation")]
    [InlineData("10.99.2.1/24", "invalid subnet 10.99.2.1/24: it should be 10.99.2.0/24")]
    [InlineData("fd00::1/64", "invalid subnet fd00::1/64: it should be fd00::/64")]
    public void OtherTextsAreRefused(string text, string message) => Assert.Equal(message, Assert.Throws<EngineException>(() => Subnet.Parse(text)).Message);

    [Theory]
    [InlineData("10.0.0.0/8", "10.99.0.0/16", true, true)]
    [InlineData("10.99.0.0/16", "10.0.0.0/8", true, false)]
    [InlineData("10.99.2.0/24", "10.99.3.0/24", false, false)]
    [InlineData("10.99.2.0/24", "10.99.2.0/24", true, true)]
    [InlineData("0.0.0.0/0", "::/0", false, false)]
    [InlineData("::/0", "fd00::/8", true, true)]
    public void OverlapAndContainmentAreKnown(string left, string right, bool overlaps, bool contains)
    {
        (Subnet first, Subnet second) = (Subnet.Parse(left), Subnet.Parse(right));
        Assert.Equal((overlaps, overlaps, contains), (first.Overlaps(second), second.Overlaps(first), first.Contains(second)));
        Assert.Equal((overlaps, contains), (first.Range.Overlaps(second.Range), first.Range.Contains(second.Range)));
    }

    [Fact]
    public void RangesCount()
    {
        Assert.Equal(256u, Subnet.Parse("10.0.0.0/24").Range.Count);
        Assert.Equal(UInt128.MaxValue, Subnet.Parse("::/0").Range.Count);
        Assert.Throws<ArgumentException>(() => new AddressRange(NetAddress.Parse("10.0.0.2"), NetAddress.Parse("10.0.0.1")));
        Assert.Throws<ArgumentException>(() => new AddressRange(NetAddress.Parse("10.0.0.2"), NetAddress.Parse("::1")));
    }
}
