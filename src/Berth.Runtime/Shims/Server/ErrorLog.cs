using System.Text;
using Berth.Linux.Pipes;

namespace Berth.Runtime.Shims.Server;

/// <summary>Descriptor 2: the null device, or the small file that the daemon's --debug gives each shim.</summary>
internal static class ErrorLog
{
    internal static void Write(string message) => _ = DescriptorIo.TryWrite(2, Encoding.UTF8.GetBytes($"{message}\n"), out _);
}
