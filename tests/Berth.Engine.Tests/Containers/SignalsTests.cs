using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Engine.Tests.Containers;

public sealed class SignalsTests
{
    [Theory]
    [InlineData("TERM", 15)]
    [InlineData("SIGKILL", 9)]
    [InlineData("sighup", 1)]
    [InlineData("Int", 2)]
    [InlineData("SYS", 31)]
    [InlineData("CLD", 17)]
    [InlineData("SIGPOLL", 29)]
    [InlineData("IOT", 6)]
    [InlineData("RTMIN", 34)]
    [InlineData("SIGRTMIN+3", 37)]
    [InlineData("RTMIN+30", 64)]
    [InlineData("rtmax-1", 63)]
    [InlineData("RTMAX", 64)]
    [InlineData("1", 1)]
    [InlineData("64", 64)]
    public void Names_and_numbers(string text, int expected) => Assert.Equal(expected, Signals.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("SIG")]
    [InlineData("SIGSIGTERM")]
    [InlineData("NOPE")]
    [InlineData("0")]
    [InlineData("65")]
    [InlineData("-9")]
    [InlineData(" 9")]
    [InlineData("RTMIN+31")]
    [InlineData("RTMIN+")]
    [InlineData("RTMIN+-1")]
    [InlineData("RTMAX-31")]
    public void Anything_else_is_refused(string text)
    {
        var error = Assert.Throws<EngineException>(() => Signals.Parse(text));
        Assert.Equal(ErrorKind.InvalidArgument, error.Kind);
        Assert.Contains(text, error.Message, StringComparison.Ordinal);
    }
}
