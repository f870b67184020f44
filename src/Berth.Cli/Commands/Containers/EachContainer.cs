using Berth.Model;

namespace Berth.Cli.Commands.Containers;

/// <summary>Runs an operation for each name, printing the names that succeeded and the errors of the others.</summary>
internal static class EachContainer
{
    /// <summary>At most so many at a time, as docker does.</summary>
    private const int Parallel = 50;

    /// <summary>Starts them together and reports in the order of the command line; the text returned is printed for a success, unless it is null.</summary>
    public static async Task<int> RunAsync(CliContext context, IReadOnlyList<string> names, Func<string, Task<string?>> operation)
    {
        using var slots = new SemaphoreSlim(Parallel);
        Task<string?>[] tasks = [.. names.Select(name => names.Count == 1 ? operation(name) : Task.Run(() => GuardAsync(slots, name, operation)))];
        bool failed = false;
        foreach (Task<string?> task in tasks)
        {
            try
            {
                if (await task is { } text)
                    context.Out.WriteLine(text);
            }
            catch (EngineException exception)
            {
                failed = true;
                context.Say(ErrorText.Of(exception));
            }
        }

        return failed ? 1 : 0;
    }

    /// <summary>The same, one after the other.</summary>
    public static async Task<int> RunInOrderAsync(CliContext context, IReadOnlyList<string> names, Func<string, Task<string?>> operation)
    {
        bool failed = false;
        foreach (string name in names)
        {
            try
            {
                if (await operation(name) is { } text)
                    context.Out.WriteLine(text);
            }
            catch (EngineException exception)
            {
                failed = true;
                context.Say(ErrorText.Of(exception));
            }
        }

        return failed ? 1 : 0;
    }

    private static async Task<string?> GuardAsync(SemaphoreSlim slots, string name, Func<string, Task<string?>> operation)
    {
        await slots.WaitAsync();
        try
        {
            return await operation(name);
        }
        finally
        {
            slots.Release();
        }
    }
}
