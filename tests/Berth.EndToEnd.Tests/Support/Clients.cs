namespace Berth.EndToEnd.Tests.Support;

/// <summary>The command line clients that a scenario is run with: ours, and the stock docker CLI where the machine has one.</summary>
public static class Clients
{
    public const string Berth = "berth";
    public const string Docker = "docker";

    public static IReadOnlyList<string> Names { get; } = Binaries.Docker is null ? [Berth] : [Berth, Docker];
    public static TheoryData<string> All { get; } = [.. Names];

    /// <summary>Every client with exit statuses of a container.</summary>
    public static TheoryData<string, int> Statuses
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string name in Names)
            {
                foreach (int status in (int[])[0, 1, 42, 125, 255])
                {
                    data.Add(name, status);
                }
            }

            return data;
        }
    }
}

/// <summary>A fact about the stock docker CLI; skipped where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DockerFactAttribute : FactAttribute
{
    public DockerFactAttribute()
    {
        if (Binaries.Docker is null)
        {
            Skip = "there is no docker CLI in PATH";
        }
    }
}

/// <summary>Tests that measure time or memory, or load the machine: one at a time, beside no others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
