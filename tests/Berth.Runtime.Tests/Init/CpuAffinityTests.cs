using Berth.Runtime.Init;

namespace Berth.Runtime.Tests.Init;

public sealed class CpuAffinityTests
{
    [Theory]
    [InlineData("0", new ulong[] { 1 })]
    [InlineData("0-3,7", new ulong[] { 0x8F })]
    [InlineData(" 1 , 3-3 ", new ulong[] { 0xA })]
    [InlineData("63-64", new ulong[] { 1UL << 63, 1 })]
    [InlineData("130", new ulong[] { 0, 0, 4 })]
    public void ListsBecomeBits(string list, ulong[] words) => Assert.Equal(words, CpuAffinity.Parse(list, "x"));

    [Theory]
    [InlineData("a")]
    [InlineData("1,")]
    [InlineData(",")]
    [InlineData("-1")]
    [InlineData("1-")]
    [InlineData("3-1")]
    [InlineData("1-2-3")]
    [InlineData("0x1")]
    [InlineData("65536")]
    [InlineData("99999999999999999999")]
    public void OthersAreRefusedByName(string list) =>
        Assert.Contains("execCPUAffinity.final", Assert.Throws<ArgumentException>(() => CpuAffinity.Parse(list, "execCPUAffinity.final")).Message);
}
