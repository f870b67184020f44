using System.Globalization;

namespace Berth.Daemon;

/// <summary>One line an event on standard error: time, level, text, and the exception's chain.</summary>
internal sealed class StderrLoggerProvider(LogLevel minimum) : ILoggerProvider, ILogger
{
    private static readonly Lock Output = new();

    public ILogger CreateLogger(string categoryName) => this;

    public bool IsEnabled(LogLevel logLevel) => logLevel >= minimum;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        if (!IsEnabled(logLevel))
        {
            return;
        }

        string level = logLevel switch { LogLevel.Critical => "critical", LogLevel.Error => "error", LogLevel.Warning => "warning", LogLevel.Information => "info", _ => "debug" };
        string text = string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {level}: {formatter(state, exception)}");
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            text += minimum <= LogLevel.Debug ? Environment.NewLine + cause : ": " + cause.Message;
        }

        lock (Output)
        {
            Console.Error.WriteLine(text);
        }
    }

    public void Dispose()
    {
    }
}
