namespace Berth.Daemon;

/// <summary>What this build is.</summary>
internal static class ProductVersion
{
    /// <summary>The version of Directory.Build.props.</summary>
    public static string Text { get; } = typeof(ProductVersion).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";
}
