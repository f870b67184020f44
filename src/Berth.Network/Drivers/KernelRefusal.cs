using Berth.Linux;
using Berth.Model;

namespace Berth.Network.Drivers;

/// <summary>The kernel's refusals as the engine's errors.</summary>
internal static class KernelRefusal
{
    /// <summary>Whether an exception is the kernel's no.</summary>
    public static bool Is(Exception e) => e is LinuxException or InvalidDataException or IOException or UnauthorizedAccessException;

    /// <summary>Does something.</summary>
    /// <param name="what">What cannot be done when the kernel refuses.</param>
    /// <param name="action">It.</param>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public static T Told<T>(string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (Is(e))
        {
            throw new EngineException(ErrorKind.Internal, $"{what}: {e.Message}", e);
        }
    }

    /// <summary>As <see cref="Told{T}"/>.</summary>
    /// <exception cref="EngineException"><see cref="ErrorKind.Internal"/>: the kernel refused.</exception>
    public static void Told(string what, Action action) => Told(what, () =>
    {
        action();
        return 0;
    });
}
