using System.Text.Json;

namespace Berth.Engine.Containers.Health;

/// <summary>
/// The report on the disk, so that the next daemon goes on where this one ended. Written as a whole beside the old one and put in its place; not synced, as
/// after a power cut there is no run that it could be about.
/// </summary>
internal static class HealthFile
{
    private const string Name = "health";

    /// <summary>The report in a container's folder; null when there is none that can be read.</summary>
    public static HealthReport? TryRead(string folder)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(folder, Name)), HealthJsonContext.Default.HealthReport);
        }
        catch (Exception exception) when (exception is IOException or JsonException)
        {
            return null;
        }
    }

    /// <exception cref="IOException">The disk refused; the old report stays.</exception>
    public static void Write(string folder, HealthReport report)
    {
        string path = Path.Combine(folder, Name);
        File.WriteAllBytes(path + ".new", JsonSerializer.SerializeToUtf8Bytes(report, HealthJsonContext.Default.HealthReport));
        File.Move(path + ".new", path, overwrite: true);
    }
}
