using System.Text;
using Berth.Daemon.Http;
using Berth.Daemon.Tests.Support;
using Berth.Model;

namespace Berth.Daemon.Tests.Http;

public sealed class DetachKeysTests
{
    [Theory]
    [InlineData(null, "\u0010\u0011")]
    [InlineData("", "\u0010\u0011")]
    [InlineData("a", "a")]
    [InlineData("ctrl-a,z", "\u0001z")]
    [InlineData("CTRL-Z", "\u001a")]
    [InlineData("ctrl-@", "\0")]
    [InlineData("ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_", "\u001b\u001c\u001d\u001e\u001f")]
    public void The_sequence_detaches(string? keys, string input)
    {
        byte[] passed = DetachKeys.Parse(keys).Filter(Encoding.Latin1.GetBytes("hi" + input + "rest"), out bool isDetached).ToArray();
        Assert.True(isDetached);
        Assert.Equal("hi", Encoding.Latin1.GetString(passed));
    }

    [Fact]
    public void It_may_come_in_pieces_and_a_broken_one_is_passed_on()
    {
        DetachKeys keys = DetachKeys.Parse(null);
        Assert.Equal(("ab", false), Feed(keys, "ab\u0010"));
        Assert.Equal(("\u0010x", false), Feed(keys, "x"));
        Assert.Equal(("", false), Feed(keys, "\u0010"));
        Assert.Equal(("\u0010", false), Feed(keys, "\u0010"));
        Assert.Equal(("", true), Feed(keys, "\u0011"));
        Assert.Equal(("\u0011", false), Feed(keys, "\u0011"));
    }

    [Theory]
    [InlineData("ctrl-")]
    [InlineData("ctrl-1")]
    [InlineData("ctrl-ab")]
    [InlineData("ab")]
    [InlineData("a,")]
    [InlineData("é")]
    public void What_is_no_key_is_refused(string keys) =>
        Refusal.Of(ErrorKind.InvalidArgument, $"Invalid detach keys ({keys}) provided", () => DetachKeys.Parse(keys));

    private static (string Passed, bool IsDetached) Feed(DetachKeys keys, string input)
    {
        string passed = Encoding.Latin1.GetString(keys.Filter(Encoding.Latin1.GetBytes(input), out bool isDetached).Span);
        return (passed, isDetached);
    }
}
