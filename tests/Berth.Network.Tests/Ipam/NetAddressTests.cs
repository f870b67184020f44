using System.Net;
using Berth.Model;
using Berth.Network.Ipam;

namespace Berth.Network.Tests.Ipam;

public sealed class NetAddressTests
{
    [Theory]
    [InlineData("0.0.0.0", "0.0.0.0")]
    [InlineData("10.88.77.255", "10.88.77.255")]
    [InlineData("255.255.255.255", "255.255.255.255")]
    [InlineData("::", "::")]
    [InlineData("::1", "::1")]
    [InlineData("FD00:0:0:0:0:0:0:2", "fd00::2")]
    [InlineData("1:0:0:2:0:0:0:3", "1:0:0:2::3")]
    [InlineData("1:0:0:2:3:0:0:4", "1::2:3:0:0:4")]
    [InlineData("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7")]
    [InlineData("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0")]
    [InlineData("fd99::", "fd99::")]
    [InlineData("::ffff:10.9.0.1", "::ffff:10.9.0.1")]
    [InlineData("::10.9.0.1", "::a09:1")]
    public void AddressesAreReadAndWritten(string text, string written) => Assert.Equal(written, NetAddress.Parse(text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("10.0.0")]
    [InlineData("10.0.0.0.1")]
    [InlineData("10.0.0.")]
    [InlineData(".10.0.0.1")]
    [InlineData("10..0.1")]
    [InlineData("10.0.0.256")]
    [InlineData("10.0.0.01")]
    [InlineData("10.0.0.00")]
    [InlineData("0x0a.0.0.1")]
    [InlineData(" 10.0.0.1")]
    [InlineData("10.0.0.1 ")]
    [InlineData("+1.0.0.1")]
    [InlineData("١.0.0.1")]
    [InlineData(":")]
    [InlineData(":::")]
    [InlineData("1::2::3")]
    [InlineData("[::1]")]
    [InlineData("[::1]:53")]
    [InlineData("fe80::1%eth0")]
    [InlineData("1:2:3:4:5:6:7:8:9")]
    [InlineData("::ffff:10.0.0.01")]
    [InlineData("::10.0.0.1:1")]
    [InlineData("12345::")]
    [InlineData("::g")]
    public void OtherTextsAreRefused(string text)
    {
        Assert.False(NetAddress.TryParse(text, out _));
        Assert.Equal(ErrorKind.InvalidArgument, Assert.Throws<EngineException>(() => NetAddress.Parse(text)).Kind);
    }

    [Fact]
    public void RandomAddressesComeBackTheSame()
    {
        var random = new Random(20);
        byte[] bytes = new byte[16];
        for (int i = 0; i < 20_000; i++)
        {
            random.NextBytes(bytes);
            for (int group = 0; group < 8; group++)
            {
                if (random.Next(3) == 0)
                {
                    bytes[group * 2] = bytes[(group * 2) + 1] = 0;
                }
            }

            NetAddress address = NetAddress.FromBytes(i % 2 == 0 ? bytes : bytes.AsSpan(0, 4));
            Assert.Equal(address, NetAddress.Parse(address.ToString()));
            Assert.Equal(address, NetAddress.From(address.ToIPAddress()));
            Assert.Equal(address.ToIPAddress(), IPAddress.Parse(address.ToString()));
        }
    }

    [Fact]
    public void FamiliesAndNumbersAreInOrder()
    {
        string[] order = ["0.0.0.0", "9.255.255.255", "10.0.0.0", "255.0.0.0", "::", "::1", "fd00::", "ffff::"];
        Assert.Equal(order, order.Reverse().Select(static text => NetAddress.Parse(text)).Order().Select(static address => address.ToString()));
        Assert.NotEqual(NetAddress.Parse("0.0.0.1"), NetAddress.Parse("::1"));
    }

    [Fact]
    public void AddingDoesNotWrap()
    {
        Assert.Equal("10.1.0.0", NetAddress.Parse("10.0.255.255").Plus(1).ToString());
        Assert.Throws<OverflowException>(() => NetAddress.Parse("255.255.255.255").Plus(1));
        Assert.Throws<OverflowException>(() => NetAddress.IPv6(UInt128.MaxValue).Plus(1));
    }
}
