using System.Reflection;

namespace Berth.RuntimeHost;

/// <summary>Which version this is.</summary>
internal static class ProgramVersion
{
    /// <summary>The OCI runtime specification that is implemented.</summary>
    public const string Specification = "1.2.0";

    /// <summary>The program's own version.</summary>
    public static string Text { get; } = typeof(ProgramVersion).Assembly.GetName().Version?.ToString(3) ?? "0";
}
