using Berth.Model;

namespace Berth.Daemon.Tests.Support;

/// <summary>Expects an error of the engine.</summary>
internal static class Refusal
{
    /// <summary>Fails unless <paramref name="action"/> throws this kind of error with <paramref name="part"/> in its message.</summary>
    public static void Of(ErrorKind kind, string part, Action action)
    {
        var error = Assert.Throws<EngineException>(action);
        Assert.Equal(kind, error.Kind);
        Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }
}
