using Berth.Linux.Pipes;

namespace Berth.Runtime.Init;

/// <summary>Descriptors of the caller, from 3 on, that a program gets.</summary>
internal static class PreservedDescriptors
{
    /// <summary>Makes sure that they are there, and meant to be handed on: what this process has opened itself is close-on-exec.</summary>
    /// <exception cref="ArgumentException">One is not.</exception>
    public static void Check(int count)
    {
        if (count < 0)
            throw new ArgumentException($"{count} descriptors cannot be preserved");
        for (int number = 3; number < 3 + count; number++)
        {
            if (DescriptorIo.IsInheritable(number) is not true)
                throw new ArgumentException($"descriptor {number} cannot be preserved: it is not open, or close-on-exec");
        }
    }
}
